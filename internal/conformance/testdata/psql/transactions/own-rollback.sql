insert into t values (0, 'z');
begin;
insert into t values (1, 'a');
rollback;
insert into t values (2, 'a');
