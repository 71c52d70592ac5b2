TRUNCATE t;
COPY t (id, n, note) FROM stdin;
<<rows 1 2600 "\n" "@\t@\tx*200">>
\.
TRUNCATE t CASCADE;
<<rows 1 20 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
