with x as (select 1 as a) insert into t select a, 'x' from x;
