savepoint s;
insert into t values (2, 'b');
rollback to s;
insert into t values (3, 'c');
release s;
