create table t(id int, x xml);
