CREATE TABLE a(id int, n text);
\COPY a FROM data.dat
\Copy a (id,n) FROM STDIN WITH (FORMAT csv)
3,z
\.
