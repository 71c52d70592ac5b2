\if true
\else
\elif true
insert into t values (1, 'a');
\endif
insert into t values (2, 'a');
