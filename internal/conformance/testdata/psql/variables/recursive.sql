\set a ':b'
\set b ':a'
insert into t values (1, 'x'); select :a;
