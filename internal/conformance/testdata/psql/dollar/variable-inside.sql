\set v 1
insert into t values (1, $$:v :'v'$$);
