\set ON_ERROR_ROLLBACK on
begin;
insert into t values (1, 'a');
savepoint s;
insert into t values (2, 'b');
rollback to s;
release s;
commit;
