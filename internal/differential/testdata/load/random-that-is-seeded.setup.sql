create table t(id int, pad text, r float8 default random());
