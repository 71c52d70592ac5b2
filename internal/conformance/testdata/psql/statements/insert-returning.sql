insert into t values (1, 'a') returning a, b;
