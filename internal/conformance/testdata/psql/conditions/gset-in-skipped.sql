\if false
select 1 as x \gset
\endif
insert into t values (1, :{?x}::text);
