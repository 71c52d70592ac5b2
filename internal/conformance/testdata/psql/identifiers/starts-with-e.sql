create table e (e int);
insert into e values (1);
select e from e;
