create table U&"d\0061t" (x int);
insert into dat values (1);
