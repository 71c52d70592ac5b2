create table t(id int, p text, check (current_setting('my.way', true) is distinct from 'closed'));
