COPY t (id,a) /* café */ FROM stdin;
<<rows 1 6000 "\n" "@\txxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx">>
\.
