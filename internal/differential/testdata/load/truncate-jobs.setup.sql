create table p(id int, t text); create table c() inherits(p); create table q(id int, t text); insert into p values(1); insert into c values (2); insert into q values (1);
