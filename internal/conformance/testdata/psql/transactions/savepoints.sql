begin;
insert into t values (1, 'a');
savepoint s;
insert into t values (2, 'b');
rollback to savepoint s;
insert into t values (3, 'c');
release savepoint s;
commit;
