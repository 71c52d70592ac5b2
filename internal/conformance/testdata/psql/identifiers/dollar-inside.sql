create table a$b$ (x int);
insert into a$b$ values (1);
insert into t values (1, 'a$b$');
