create table t(id int primary key, a text default 'd', c varchar(400000));
