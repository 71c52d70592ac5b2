create table t(id int primary key, p text); create table l(n int); alter table t owner to own1; alter table l owner to own1;
