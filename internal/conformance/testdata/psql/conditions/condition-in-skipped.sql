\if false
\if `echo true` \endif
\if maybe \endif
\elif false
\else
insert into t values (1, 'a');
\endif
