create table par(id int primary key, p text); create table chi(id int primary key, pid int references par on delete set null); insert into par values (1),(2); insert into chi values (1,1),(2,2); alter table par owner to own1; alter table chi owner to own1;
create function gone() returns int language sql as 'delete from par where id=1; select 1';
