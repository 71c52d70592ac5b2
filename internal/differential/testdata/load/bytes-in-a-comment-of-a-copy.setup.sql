create table t(id int, a text, "order" int);
create table "user"(id int, a text, "group" int);
