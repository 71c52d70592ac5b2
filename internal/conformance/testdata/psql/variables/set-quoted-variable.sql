\set a 1
\set b ':a'
\set c ":a"
insert into t values (1, :'b' || :'c');
