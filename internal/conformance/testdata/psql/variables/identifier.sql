\set name 'a "b" c'
create table :"name" (x int);
insert into :"name" values (1);
