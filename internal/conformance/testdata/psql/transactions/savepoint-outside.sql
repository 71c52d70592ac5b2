savepoint s;
insert into t values (2, 'b');
