TRUNCATE t;
COPY t (id, n, note) FROM stdin;
<<rows 1 2600 "\n" "@\t@\tx*200">>
\.
COPY t FROM stdin;
3000	1	a
\.
COPY t FROM stdin;
1	1	again
\.
