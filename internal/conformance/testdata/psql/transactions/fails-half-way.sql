insert into t values (1, 'a');
create table x (y int);
insert into x values (1);
select 1/0;
insert into t values (2, 'b');
