create table n(id serial primary key, p text); create table t(id int);
