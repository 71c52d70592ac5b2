create table t(id int, p text); create table fin(n int);
