\if true
insert into t values (1, 'a');
\else
\else
insert into t values (2, 'a');
\endif
insert into t values (3, 'a');
