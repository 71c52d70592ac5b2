\if false
select 1\; select 2;
\endif
insert into t values (1, 'a');
