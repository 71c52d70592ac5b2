\set a ':a'
select :a;
insert into t values (1, 'x');
