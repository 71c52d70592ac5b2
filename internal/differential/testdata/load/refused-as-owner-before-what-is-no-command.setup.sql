create table t(id int primary key, x text); alter table t owner to own1;
