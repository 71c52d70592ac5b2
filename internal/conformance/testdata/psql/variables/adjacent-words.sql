\set v ab
insert into t values (1, 'x'); select 1 as :v:v;
