create table t(id int, d interval);
