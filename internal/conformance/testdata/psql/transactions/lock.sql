lock table t;
begin;
lock table t;
insert into t values (1, 'a');
commit;
