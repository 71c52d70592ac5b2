\set a-b 1
\set 'a b' 1
\set "a" 1
\set a;b 1
insert into t values (1, 'x');
