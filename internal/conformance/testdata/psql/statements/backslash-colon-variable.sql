\set v 1
select 1 as a where \:v = 1;
insert into t values (1, 'x');
