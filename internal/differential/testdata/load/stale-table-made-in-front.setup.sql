create schema s1; create schema s2; create table s2.t(id int, p text);
