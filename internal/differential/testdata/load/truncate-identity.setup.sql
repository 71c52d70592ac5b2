create table a(id serial, p text); create table b(id serial, p text); insert into a (p) values ('x'),('y'); insert into b (p) values ('x'),('y');
