\set a "x
insert into t values (1, :'a');
