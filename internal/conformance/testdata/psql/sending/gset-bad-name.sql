select 1 as a, 2 as "b c", 3 as d \gset
insert into t values (1, :{?a}::text || :{?d}::text);
