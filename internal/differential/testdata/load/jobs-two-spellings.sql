COPY t (id,p) FROM stdin;
<<rows 1 3000 "\n" "@\tx*100">>
\.
COPY public."t" (id,p) FROM stdin;
<<rows 3001 4000 "\n" "@\tx*100">>
7	again
\.
COPY v (id,p) FROM stdin;
<<rows 5001 6000 "\n" "@\tx*100">>
\.
