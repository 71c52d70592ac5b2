create table par(id int primary key); create table chi(id int primary key, pid int references par); alter table par owner to own1; alter table chi owner to own1;
