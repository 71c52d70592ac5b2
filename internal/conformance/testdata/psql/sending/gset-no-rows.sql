select 1 as x where false \gset
insert into t values (1, :{?x}::text);
