create table t(a int primary key, b int references t); alter table t owner to own1;
