create table par(id int primary key); create table chi(id int primary key, pid int references par); alter table par owner to own1; alter table chi owner to own1;
insert into par values (50); insert into chi values (50,50);
create table posts(id int, title text, n int); alter table posts owner to own1;
