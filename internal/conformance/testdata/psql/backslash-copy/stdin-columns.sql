\copy t (a, b) from stdin
1	a
\.
\copy t(b,a) from stdin
a	1
\.
\copy t ( "b" , a ) from stdin
a	2
\.
