create schema s1; create schema s2; create table s1.t(id int, p text); create table s2.u(id int, p text);
