\if 0
insert into t values (1, 'a');
\elif 1
insert into t values (2, 'b');
\elif 1
insert into t values (3, 'b');
\else
insert into t values (4, 'b');
\endif
