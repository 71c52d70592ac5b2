select 1 as x\; insert into t values (5, 'e') \gset
insert into t values (1, :{?x}::text);
