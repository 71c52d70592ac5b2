SELECT 'CREATE TEMP TABLE t (id int, p text)' \gexec
COPY t (id,p) FROM stdin;
1	a
2	b
\.
INSERT INTO fin SELECT * FROM t;
