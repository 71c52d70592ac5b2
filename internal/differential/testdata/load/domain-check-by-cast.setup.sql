create table t(id int, n int); create type w as (b bool);
create function f(int) returns w language plpgsql volatile as 'begin return row((select count(*) from t) < 7); end'; create cast (int as w) with function f(int); alter table t add check ((n::w).b);
