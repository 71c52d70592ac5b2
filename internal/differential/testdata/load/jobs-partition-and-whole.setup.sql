create table t(id int primary key, p text) partition by range (id); create table t1 partition of t for values from (0) to (100000);
