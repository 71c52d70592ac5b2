COPY p (id,p) FROM stdin;
<<rows 1 30000 "\n" "@\tx*20">>
\.
COPY t (id,p) FROM stdin;
30000	a
\.
