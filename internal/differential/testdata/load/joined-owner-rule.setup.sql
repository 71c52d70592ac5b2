create table t(a int); create table l(a int); alter table t owner to own1; alter table l owner to own1;
