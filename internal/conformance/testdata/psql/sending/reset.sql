select garbage ( 'x'
\r
insert into t values (1, 'a');
select more (
\reset
insert into t values (2, 'a');
