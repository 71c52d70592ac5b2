\set v int
insert into t values ('1':::v, 'a');
