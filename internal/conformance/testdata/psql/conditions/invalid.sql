\if maybe
insert into t values (1, 'a');
\else
insert into t values (2, 'b');
\endif
insert into t values (3, 'c');
