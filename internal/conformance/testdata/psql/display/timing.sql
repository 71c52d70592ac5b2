\timing on
insert into t values (1, 'a');
\timing
\timing off
