insert into t values
\if false
(1, 'a'
\else
(2, 'b'
\endif
);
