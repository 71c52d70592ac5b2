create schema s1; create table s1.t(id int, p text default current_user); create table t(id int, p text default current_user);
