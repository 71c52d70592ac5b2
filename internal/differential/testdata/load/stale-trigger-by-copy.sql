<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
COPY m FROM stdin;
1
\.
<<rows 11 18 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
