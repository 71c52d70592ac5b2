create table t(id int primary key, a text, c varchar(400000)); insert into t values (7,'old','old');
