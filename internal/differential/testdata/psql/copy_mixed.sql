CREATE TABLE a(id int, n text);
\if false
\COPY a FROM missing.dat
\endif
\cOPY a (id, n) FROM STDIN WITH (FORMAT csv, DELIMITER ';')
3;"z;"
\.
\COPY (SELECT * FROM a) TO STDOUT
\COPY a from 'data.dat' with (format text) where id > 1
