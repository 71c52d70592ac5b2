\set v 1
insert into t values (1, :{?v}::text);
insert into t values (2, :{?w}::text);
