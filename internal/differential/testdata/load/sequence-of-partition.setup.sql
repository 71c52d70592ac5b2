create sequence s; create table t(id int, n int) partition by range (id); create table t1 partition of t (n default nextval('s')) for values from (0) to (100); create unique index on t1 (n);
