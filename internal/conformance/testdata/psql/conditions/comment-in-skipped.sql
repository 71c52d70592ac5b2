\if false
/* \endif */ -- \endif
\endif
insert into t values (2, 'b');
