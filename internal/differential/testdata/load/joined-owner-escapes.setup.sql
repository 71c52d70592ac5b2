create table t(id int, q text); alter table t owner to own1;
