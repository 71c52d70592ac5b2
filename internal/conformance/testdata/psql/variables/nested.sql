\set a ':b + 1'
\set b 41
insert into t values (:a, 'x');
