create table t(id int, p text); create table fin(id int, p text);
create function make() returns int language plpgsql as 'begin create temp table t (id int, p text); return 1; end';
