COPY t (id, p) FROM stdin;
1	a
\.
