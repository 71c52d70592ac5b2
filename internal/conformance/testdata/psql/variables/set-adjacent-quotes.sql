\set a 'x'y'z'"w"
insert into t values (1, :'a');
