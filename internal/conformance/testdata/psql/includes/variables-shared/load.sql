\set a 1
\i inner.sql
insert into t values (:a, :'b');
