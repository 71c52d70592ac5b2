\set x 5
select null as x \gset
insert into t values (1, :{?x}::text);
