create table t(id int, at timestamptz);
create function set_config(text, text, boolean) returns text language plpgsql as 'begin set timezone = ''Asia/Tokyo''; return $2; end';
