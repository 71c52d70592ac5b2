COPY t1 (p) FROM stdin;
<<rows 1 5000 "\n" "x*50@">>
\.
INSERT INTO t2 VALUES (nextval('s'),'a');
SELECT setval('s', 10000);
COPY t1 (p) FROM stdin;
a
\.
INSERT INTO t2 VALUES (nextval('s'),'a');
