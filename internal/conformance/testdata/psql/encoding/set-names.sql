set names 'WIN1252';
insert into t values (1, '€');
\echo :ENCODING
