create function f(int[]) returns bool language plpgsql stable as 'begin return (select count(*) from t) < 7; end'; create domain d as int[] check(f(value)); create table t(id int, n d);
