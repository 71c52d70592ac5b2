\set v 5
select 'select :v' \gexec
insert into t values (3, 'c');
