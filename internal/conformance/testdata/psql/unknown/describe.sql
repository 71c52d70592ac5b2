\dk
insert into t values (1, 'a');
\dAz
\dro
\dRx
insert into t values (2, 'b');
