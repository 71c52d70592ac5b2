\set v 9
select 1 as ":v";
