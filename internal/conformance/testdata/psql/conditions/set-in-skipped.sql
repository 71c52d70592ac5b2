\if false
\set v 1
\endif
insert into t values (1, :{?v}::text);
