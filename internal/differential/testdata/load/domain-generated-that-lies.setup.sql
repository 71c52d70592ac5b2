create table t(id int);
create function f(int) returns int language plpgsql immutable as 'begin return (select count(*) from t); end'; alter table t add n int generated always as (f(id)) stored;
