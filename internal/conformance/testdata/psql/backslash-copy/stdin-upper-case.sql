\copy t FROM STDIN
1	a
\.
