SELECT setseed(0.5);
COPY t (id) FROM stdin;
1
2
\.
COPY u (id) FROM stdin;
1
2
\.
