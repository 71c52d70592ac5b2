SELECT make();
COPY t (id,p) FROM stdin;
1	a
\.
INSERT INTO fin SELECT * FROM t;
