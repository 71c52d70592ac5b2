create table a$$ (x$$y int);
insert into a$$ values (1); insert into a$$ values (2);
