\set v 1
\set V 2
insert into t values (:v, 'a'), (:V, 'b');
