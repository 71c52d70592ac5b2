\set c '\\;'
select 1 :c insert into t values (1, 'a');
