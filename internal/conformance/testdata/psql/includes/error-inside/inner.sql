insert into t values (3, 'c');
select 1/0;
insert into t values (4, 'd');
