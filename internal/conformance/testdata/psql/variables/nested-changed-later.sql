\set b 1
\set a :b
\set b 2
insert into t values (:a, 'x');
