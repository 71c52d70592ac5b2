create table t(id int primary key, p text); create table u(id int primary key); insert into u values (1); create index on t(p);
