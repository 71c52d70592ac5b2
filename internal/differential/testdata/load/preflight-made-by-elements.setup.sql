create function ck(int) returns bool language plpgsql as 'begin create table if not exists made(id int); return true; end'; create domain d as int check (ck(value)); create table t(id int, x d[]);
