create table "a;b" ("c ""d""" int);
insert into "a;b" values (1);
