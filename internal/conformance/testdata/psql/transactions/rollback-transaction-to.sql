begin;
savepoint s;
insert into t values (2, 'b');
rollback transaction to s;
rollback work to savepoint s;
abort;
insert into t values (3, 'b');
