\set v 1
select :v$ ;
insert into t values (1, 'a');
