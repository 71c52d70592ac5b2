select 1 as x union select 2 \gset
insert into t values (1, :{?x}::text);
