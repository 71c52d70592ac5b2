\if true
insert into t values (1, 'a');
\elif maybe
\elif `echo x`
\endif
insert into t values (2, 'a');
