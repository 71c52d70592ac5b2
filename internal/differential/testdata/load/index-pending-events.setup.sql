create table p(id int primary key, p text); create table t(id int primary key, p int references p deferrable initially deferred, x text); create index on t(x);
