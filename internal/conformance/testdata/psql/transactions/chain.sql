begin;
insert into t values (1, 'a');
commit and chain;
insert into t values (2, 'a');
rollback and chain;
insert into t values (3, 'a');
commit;
