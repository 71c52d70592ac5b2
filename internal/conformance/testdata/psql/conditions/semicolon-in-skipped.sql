insert into t values (1,
\if false
'a'); insert into t values (2, 'b');
\endif
'c');
