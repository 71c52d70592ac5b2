\set a 1
\unset a
insert into t values (1, :{?a}::text);
