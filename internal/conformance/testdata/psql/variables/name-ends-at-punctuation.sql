\set v 1
insert into t values (:v,:'v');
insert into t values (:v+:v, 'a');
