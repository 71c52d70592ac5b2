create table t(id int primary key, x int, p text); create index on t(id) where 100/x > 2;
