create table t(id int, n int);
create function f(int) returns bool language plpgsql immutable as 'begin return (select count(*) from t) < 7; end'; alter table t add check (f(n));
