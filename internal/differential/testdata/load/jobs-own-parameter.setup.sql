create table t(id int, p text default current_setting('my.way', true));
