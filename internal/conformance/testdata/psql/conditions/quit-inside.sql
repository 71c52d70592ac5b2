\if true
insert into t values (1, 'a');
\q
\endif
insert into t values (2, 'b');
