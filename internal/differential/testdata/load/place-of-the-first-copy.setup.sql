create table t(id int, d real);
