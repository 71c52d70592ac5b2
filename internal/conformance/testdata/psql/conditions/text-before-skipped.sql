insert into t values (1, 'a')
\if false
garbage
\endif
;
