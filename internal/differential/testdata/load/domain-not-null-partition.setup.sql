create domain d as int not null; create table t(id int, n d) partition by range (id); create table t1 partition of t for values from (0) to (100);
