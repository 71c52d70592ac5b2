create schema s1; create schema s2; create table s1.t(id int, p text); create table s2.t(id int, p text);
create function public.go() returns text language sql as 'select set_config(''search_path'',''s2'',false)';
