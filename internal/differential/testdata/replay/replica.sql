SET session_replication_role = 'replica';
TRUNCATE t, u;
COPY u (id, t) FROM stdin;
<<rows 1 2600 "\n" "@\t@">>
\.
COPY t (id, n, note) FROM stdin;
<<rows 1 2600 "\n" "@\t@\tx*200">>
\.
SET session_replication_role = 'origin';
SELECT count(*) FROM t;
