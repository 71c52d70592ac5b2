\if false
\g |cat \endif
\o |cat \endif
\w |cat \endif
\endif
insert into t values (1, 'a');
