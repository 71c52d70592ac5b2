create table t(id serial, p text); create table u(id int generated always as identity, p text);
