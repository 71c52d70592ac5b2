create table t(id int, p text); create table u(id int, p text); create table fin(id int, p text);
