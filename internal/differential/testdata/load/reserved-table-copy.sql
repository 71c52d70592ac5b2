COPY user (id,a) FROM stdin;
<<rows 1 6000 "\n" "@\txxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx">>
\.
