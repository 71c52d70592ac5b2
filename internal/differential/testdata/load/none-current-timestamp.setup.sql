create domain d as timestamptz default current_timestamp; create table t(id int, a timestamp default localtimestamp, b timetz default current_time, c d);
