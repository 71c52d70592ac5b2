create table t(id int, at timestamptz); create table l(x int);
create function z() returns trigger language plpgsql as 'begin perform set_config(''timezone'',''Asia/Tokyo'',false); return new; end';
create trigger tr before insert on l for each row execute function z();
