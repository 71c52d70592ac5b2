create domain d as int not null default 5; create table t(id int, n d, m d default 6);
