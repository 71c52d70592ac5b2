create table t(id int, p text);
