create table t(id int primary key, a timestamptz, b text); create table r(n bigint);
