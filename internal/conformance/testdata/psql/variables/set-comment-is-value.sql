\set a 1 -- not a comment
insert into t values (1, :'a');
