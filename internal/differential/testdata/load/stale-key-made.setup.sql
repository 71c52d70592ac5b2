create table p(id int primary key); insert into p select generate_series(1,50); create table t(id int, p int);
