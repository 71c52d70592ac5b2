select 1 : 2;
select :;
insert into t values (1, 'y');
