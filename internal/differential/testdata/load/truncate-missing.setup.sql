create table a(id int); insert into a values (1); create table b(id int); insert into b values (1);
