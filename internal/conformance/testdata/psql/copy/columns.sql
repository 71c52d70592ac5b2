copy t (b, a) from stdin;
a	1
\.
