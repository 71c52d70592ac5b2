\o /dev/null
select 1;
insert into t values (1, 'a');
