CREATE TABLE keepme(id int);
CREATE TABLE a(n text);
\COPY a FROM STDIN
DROP TABLE keepme;
\.
\COPY nowhere FROM STDIN
DROP TABLE keepme;
\.
\cOpY a TO STDOUT
