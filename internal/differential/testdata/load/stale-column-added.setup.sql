create table t(id int, n int); create function c() returns int language sql volatile as 'select count(*)::int from t';
