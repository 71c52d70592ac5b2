PREPARE p AS INSERT INTO fin SELECT count(*) FROM t;
COPY t (id,p) FROM stdin;
<<rows 1 5000 "\n" "@\tx*50">>
\.
EXECUTE p;
