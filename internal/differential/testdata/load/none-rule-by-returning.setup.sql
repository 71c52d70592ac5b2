create table t(id int primary key, p text); create table l(n int); create table one(n int);
create function make(sql text) returns int language plpgsql as 'begin execute sql; return 1; end';
