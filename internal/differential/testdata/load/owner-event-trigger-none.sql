TRUNCATE t CASCADE;
COPY t (id, p) FROM stdin;
<<rows 1 2000 "\n" "@\tx*200">>
\.
