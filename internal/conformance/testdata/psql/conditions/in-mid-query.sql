insert into t values (1,
\if true
'yes'
\else
'no'
\endif
);
