create table u2 (u int);
insert into u2 values (7);
select u&1 from u2;
select u &1 from u2;
