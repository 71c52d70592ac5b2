COPY t (n, p) FROM stdin;
<<rows 1 1900 "\n" "@\tx*200">>
\.
