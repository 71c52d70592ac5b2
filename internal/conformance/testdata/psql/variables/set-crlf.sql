\set a 1
insert into t values (:a, :'a');
