\set v 1
insert into t values (:v, 'a');
