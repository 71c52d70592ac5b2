INSERT INTO t VALUES (1, 1, ''), (2, 1, '')\; INSERT INTO u VALUES (1, 1, '')\; COPY t FROM stdin\; COPY u FROM stdin\; SELECT 1\; INSERT INTO t VALUES (5, 1, '');
3	1	a
4	1	a
\.
2	2	b
\.
<<rows 6 30 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
