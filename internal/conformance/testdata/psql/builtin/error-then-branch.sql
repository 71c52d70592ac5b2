select 1/0;
\if :ERROR
insert into t values (1, 'failed');
\else
insert into t values (1, 'went well');
\endif
