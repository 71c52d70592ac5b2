\if false
select (((
\endif
insert into t values (2, 'b');
insert into t values (3, 'b');
