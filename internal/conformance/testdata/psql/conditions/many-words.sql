\if true true
insert into t values (1, 'a');
\endif
\if false false
insert into t values (2, 'a');
\endif
insert into t values (3, 'c');
