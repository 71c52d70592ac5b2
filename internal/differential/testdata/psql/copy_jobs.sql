CREATE SCHEMA s; CREATE TABLE s.a(id int, n text);
SET search_path=s;
\COPY a FROM data.dat
\COPY a FROM STDIN
7	seven
\.
