create table t(id int, n int);
create function f(int,int) returns bool language plpgsql volatile as 'begin return (select count(*) from t) < 7; end'; create operator === (leftarg=int, rightarg=int, function=f); alter table t add check (n === 1);
