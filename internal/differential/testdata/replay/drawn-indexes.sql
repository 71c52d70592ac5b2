INSERT INTO s (n) VALUES (1),(2);
TRUNCATE t;
COPY t FROM stdin;
<<rows 1 2600 "\n" "@\t@\tx*200">>
\.
SELECT count(*) FROM t;
