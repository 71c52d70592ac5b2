COPY t FROM stdin (FORMAT csv, HEADER);
id,n,note
1,2,a
\.
COPY t (id, note) FROM stdin WITH (NULL 'x');
2	x
\.
COPY t FROM stdin WHERE id > 5;
3	1	a
6	1	a
\.
COPY t TO stdout;
\copy (SELECT 1) TO /dev/null
INSERT INTO t DEFAULT VALUES;
