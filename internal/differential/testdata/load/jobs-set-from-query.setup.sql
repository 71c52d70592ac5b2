create schema s1; create schema s2; create table s1.t(id int, p text); create table s2.t(id int, p text); create table public.v(p text); insert into v values ('s2');
