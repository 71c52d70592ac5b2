\set v 9
insert into t values (1, E':v\':v');
