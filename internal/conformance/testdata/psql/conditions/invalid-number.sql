\if 2
insert into t values (1, 'a');
\endif
\if o
insert into t values (2, 'a');
\endif
insert into t values (3, 'c');
