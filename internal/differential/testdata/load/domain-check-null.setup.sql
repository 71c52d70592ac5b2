create domain d as int check (value is not null); create table t(id int, n d);
