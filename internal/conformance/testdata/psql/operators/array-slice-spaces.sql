\set b 9
insert into t select 1, (array[1,2,3])[a : b]::text from (select 1 as a, 2 as b) s;
