insert into t values (1, e'a\';b');
