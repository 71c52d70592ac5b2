\lo_unlink 999999999
\lo_unlink
insert into t values (1, 'a');
