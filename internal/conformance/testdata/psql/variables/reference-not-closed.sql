\set v 1
insert into t values (1, 'x'); select :'v ;
insert into t values (1, 'y');
