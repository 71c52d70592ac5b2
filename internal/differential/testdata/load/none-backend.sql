<<rows 1 19 "\n" "INSERT INTO t (id) VALUES (@);">>
COPY t (id) FROM stdin;
20
\.
INSERT INTO t VALUES (21, pg_backend_pid());
