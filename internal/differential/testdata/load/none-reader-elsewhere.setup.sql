create table t(id int primary key, p text); insert into t values (0,'old');
