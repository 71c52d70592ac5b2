create table "it's" (x int);
insert into "it's" values (1);
