INSERT INTO t (id,p) VALUES (700,'explicit');
COPY t (p) FROM stdin;
<<rows 0 1999 "\n" "a@x*200">>
\.
