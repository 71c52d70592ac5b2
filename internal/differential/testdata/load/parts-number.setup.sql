create table t(id serial primary key, a text, c varchar(400000));
