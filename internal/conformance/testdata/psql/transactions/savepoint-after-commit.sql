insert into t values (1, 'a');
commit;
savepoint s;
