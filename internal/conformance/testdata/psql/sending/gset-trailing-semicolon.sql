select 1 as x \gset p;
insert into t values (1, :{?px}::text || :{?x}::text);
