\if 1 \if 1 \if 1 \if 0 \else \if 1
insert into t values (1, 'a');
\endif \endif \endif \endif \endif
insert into t values (2, 'b');
