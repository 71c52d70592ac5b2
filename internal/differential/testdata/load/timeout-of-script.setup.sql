create table t(id int, p text); create function slow(int) returns bool language plpgsql immutable as 'begin perform pg_sleep(0.01); return true; end'; alter table t add check (slow(id));
