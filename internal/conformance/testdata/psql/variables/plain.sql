\set v 42
insert into t values (:v, 'a');
