create table t(id int primary key, p text); create table u(id int references t, p text);
