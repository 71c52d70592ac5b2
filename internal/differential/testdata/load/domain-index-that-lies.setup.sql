create table t(id int);
create function f(int) returns int language plpgsql immutable as 'begin if (select count(*) from t) > 7 then raise ''full''; end if; return 1; end'; create index on t (f(id));
