create table t(id int primary key, x int, p text); create index on t((100/x)); alter table t owner to own1; grant create on schema public to own1;
