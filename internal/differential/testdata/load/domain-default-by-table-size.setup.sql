create table t(id int, p text, n bigint default pg_relation_size('t'));
