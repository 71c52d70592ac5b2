<<rows 1 40 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
INSERT INTO t (id,n,note) VALUES (1,1,'again');
INSERT INTO t (id,n,note) VALUES (41,'no number','again');
<<rows 42 60 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
COPY t FROM stdin;
1	1	1
\.
TRUNCATE t;
INSERT INTO t VALUES (1, 1, '');
