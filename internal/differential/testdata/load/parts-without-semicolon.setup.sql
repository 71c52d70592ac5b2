create table t(id int primary key, a text, c varchar(400000));
