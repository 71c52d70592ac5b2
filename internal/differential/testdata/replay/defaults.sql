<<rows 1 20 "\n" "INSERT INTO s VALUES (@,@,'2020-01-01',@);">>
INSERT INTO s VALUES (21, 1, '2020-01-02');
INSERT INTO s (no) VALUES (22);
<<rows 1 20 "\n" "INSERT INTO c VALUES (@);">>
INSERT INTO c DEFAULT VALUES;
COPY c (id) FROM stdin;
1
2
\.
INSERT INTO c (id) VALUES (3) RETURNING n \gset
<<rows 1 20 "\n" "INSERT INTO f VALUES (@);">>
INSERT INTO f VALUES (21, 1);
INSERT INTO f DEFAULT VALUES;
COPY f (id) FROM stdin;
22
\.
COPY f (id, n) FROM stdin;
23	1
\.
INSERT INTO s DEFAULT VALUES;
INSERT INTO t
(id) VALUES (1);
COPY s (id) FROM stdin;
30
\.
<<rows 2 30 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
