TRUNCATE t;
COPY t (id, n, note) FROM stdin;
<<rows 1 2600 "\n" "@\t@\tx*200">>
\.
