create function c() returns int language sql immutable as 'select 1'; create table t(id int, n int default c());
