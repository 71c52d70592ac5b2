insert into t values (1, 'a') returning a, b \gset
insert into t values (:a + 1, :'b');
