\set e
insert into t values (1, :'e');
