\set p '('
insert into t values :p 1, 'a');
