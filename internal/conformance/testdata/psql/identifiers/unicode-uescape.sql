create table U&"d!0061t" UESCAPE '!' (x int);
insert into dat values (1);
