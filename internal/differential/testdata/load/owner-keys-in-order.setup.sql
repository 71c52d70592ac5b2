GRANT CREATE ON SCHEMA public TO own1; SET ROLE own1;
create table p(id int primary key);
create table q(id int, a int, constraint zz foreign key(a) references p on delete set null);
alter table q add constraint aa foreign key(a) references p on delete cascade;
create table z(id int primary key);
insert into p values(1),(2); insert into q values(1,1),(2,2);
