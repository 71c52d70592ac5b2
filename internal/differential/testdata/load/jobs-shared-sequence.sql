COPY t1 (p) FROM stdin;
<<rows 0 199999 "\n" "a@">>
\.
COPY t2 (p) FROM stdin;
<<rows 0 199999 "\n" "b@">>
\.
