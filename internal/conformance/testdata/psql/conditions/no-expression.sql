\if
insert into t values (1, 'a');
\endif
insert into t values (3, 'c');
