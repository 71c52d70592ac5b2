create table t(id int, p text); create table l(n int);
