begin;
begin;
insert into t values (1, 'a');
commit;
commit;
insert into t values (2, 'b');
