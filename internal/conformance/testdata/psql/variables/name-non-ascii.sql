\set ż 7
insert into t values (:ż, 'a');
