create table t(id int, p text); create table l(id int);
