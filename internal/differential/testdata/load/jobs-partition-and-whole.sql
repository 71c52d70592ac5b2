COPY t (id,p) FROM stdin;
<<rows 1 3000 "\n" "@\tx*100">>
\.
COPY t1 (id,p) FROM stdin;
7	again
\.
