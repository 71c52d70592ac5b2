create table t(id serial primary key, n int check (n < 18));
