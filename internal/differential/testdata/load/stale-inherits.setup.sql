create table p(id int); create table c(id int); insert into c values (1); insert into p values (1);
