create table x (a int); create view v as select * from x;
create index on x (a);
