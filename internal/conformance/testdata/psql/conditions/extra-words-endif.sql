\if true
\else foo
\endif foo bar
insert into t values (1, 'a');
