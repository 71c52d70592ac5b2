SET session_replication_role = replica;
TRUNCATE parent, child;
COPY parent (id) FROM stdin;
<<rows 1 2600 "\n" "@">>
\.
COPY child (id, parent, note) FROM stdin WITH (FORMAT csv);
<<rows 1 2600 "\n" "@,@,x*200">>
\.
SET session_replication_role = origin;
