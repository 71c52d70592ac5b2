create table t(id int, at timestamptz);
create function z() returns int language plpgsql as 'begin perform set_config(''timezone'',''Asia/Tokyo'',false); return 1; end';
