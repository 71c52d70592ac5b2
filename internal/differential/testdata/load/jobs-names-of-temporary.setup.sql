create table t(id int, r regclass);
