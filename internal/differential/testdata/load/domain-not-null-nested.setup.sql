create domain d as int not null; create domain e as d; create table t(id int, n e);
