create schema s1; create table s1.t(id int, p text); create table l(p text);
