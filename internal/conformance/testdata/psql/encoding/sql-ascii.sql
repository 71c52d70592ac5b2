\encoding SQL_ASCII
insert into t values (1, 'a');
\echo :ENCODING
