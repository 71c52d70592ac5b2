\if :{?nothing}
insert into t values (1, 'a');
\elif :{?VERBOSITY}
insert into t values (2, 'a');
\endif
