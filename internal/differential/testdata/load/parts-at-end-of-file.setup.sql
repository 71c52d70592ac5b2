create table t(id int , a text, b numeric(12,2), c varchar(400000), d timestamptz default '2024-01-01 00:00+00');  insert into t values (0,'old');
