create table t(id int, n int);
create function f(int,int) returns int language plpgsql volatile as 'begin return (select count(*) from t); end'; create operator === (leftarg=int, rightarg=int, function=f); alter table t alter n set default 1 === 1;
