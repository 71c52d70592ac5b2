create table t(id serial, p text); create table u(id bigint, p text);
