\if no
insert into t values (1, 'a');
\else
insert into t values (2, 'b');
\endif
