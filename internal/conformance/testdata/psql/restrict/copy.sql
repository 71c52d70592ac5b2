\restrict abc
copy t from stdin;
1	a
\.
\copy t from stdin
2	b
\.
\unrestrict abc
