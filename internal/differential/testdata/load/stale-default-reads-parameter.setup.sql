create table t(id int, p text default current_setting('my.way', true)); create table u(id int, p text default set_config('my.way','u',false));
