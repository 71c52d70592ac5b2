DELETE FROM u\; DELETE FROM t;
COPY t (id, n, note) FROM stdin;
<<rows 1 2600 "\n" "@\t@\tx*200">>
\.
COPY u (id, t, note) FROM stdin;
<<rows 1 2600 "\n" "@\t@\tx*200">>
\.
SELECT count(*) FROM t;
DELETE FROM u WHERE id > 5;
<<rows 3001 3020 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
