\set a 1\set b 2
insert into t values (:a, :'b');
