create table begin_case (x int);
insert into begin_case values (1);
