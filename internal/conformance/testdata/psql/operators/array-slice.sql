\set a 9
insert into t values (1, (array[1,2,3])[1:2]::text);
select (array[1,2,3])[:a];
insert into t select (array[1,2,3])[a], 'b' from (select 2 as a) s;
