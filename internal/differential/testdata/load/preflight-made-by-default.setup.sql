create function f() returns int language plpgsql as 'begin create table t (id int, p text); return 1; end'; create table m(id int, n int default f());
