\set ON_ERROR_ROLLBACK on
insert into t values (1, 'a');
savepoint x;
insert into t values (2, 'a');
