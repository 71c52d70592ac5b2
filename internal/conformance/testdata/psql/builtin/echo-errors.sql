\set ECHO errors
select 1/0;
insert into t values (1, 'a');
