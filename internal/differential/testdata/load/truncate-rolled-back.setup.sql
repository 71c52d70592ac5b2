create table a(id int primary key, p text); insert into a values (1,'old'),(2,'old');
