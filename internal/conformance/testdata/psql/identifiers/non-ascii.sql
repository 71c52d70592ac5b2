create table żółć (ключ int);
insert into żółć values (1);
