create table t(id int, p text); create table fin(id int, p text);
