create domain d as int; create table t(id int, n d); create function c(int) returns bool language sql volatile as 'select count(*) < 12 from t';
