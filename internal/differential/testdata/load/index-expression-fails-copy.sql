TRUNCATE t CASCADE;
COPY t (id, x, p) FROM stdin;
<<rows 1 2500 "\n" "@\t@\tx*200">>
\.
INSERT INTO t (id,x,p) VALUES (99999,0,'a');
