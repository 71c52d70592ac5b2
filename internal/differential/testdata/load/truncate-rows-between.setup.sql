create table a(id int primary key, p text); create table b(id int references a, p text);
