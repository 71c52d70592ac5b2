begin;
select 1/0;
\copy t from stdin
1	a
\.
rollback;
insert into t values (4, 'd');
