\set 1 5
insert into t values (:1, 'a'); select (array[1,2])[1:1];
