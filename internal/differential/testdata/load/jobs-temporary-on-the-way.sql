CREATE TABLE pg_temp.t (id int, p text);
SELECT 0 AS id, 'z' AS p INTO TEMP u;
COPY t (id,p) FROM stdin;
1	a
\.
COPY u (id,p) FROM stdin;
2	b
\.
INSERT INTO fin SELECT * FROM t UNION ALL SELECT * FROM u;
