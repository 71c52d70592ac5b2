create table t(id int, at timestamptz); create sequence s;
create function setval(text, int) returns int language plpgsql as 'begin set timezone = ''Asia/Tokyo''; return $2; end';
