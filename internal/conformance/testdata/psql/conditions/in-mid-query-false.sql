insert into t values (1,
\if false
'yes'
\else
'no'
\endif
);
