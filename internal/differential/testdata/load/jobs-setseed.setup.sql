create table t(id int, p float8 default random()); create table u(id int, p float8 default random());
