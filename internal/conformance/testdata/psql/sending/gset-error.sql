select 1/0 as x \gset
insert into t values (1, :{?x}::text);
