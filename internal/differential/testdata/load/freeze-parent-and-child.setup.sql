create table par(id int primary key, p text); create table chi(id int primary key, pid int references par); create table other(id int); insert into par values (1,'old'); insert into chi values (1,1);
