\set v1_2 7
insert into t values (:v1_2, 'a');
