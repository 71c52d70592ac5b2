TRUNCATE t CASCADE;
COPY t (id, n, p) FROM stdin;
<<rows 1 2000 "\n" "@\t@\tx*200">>
\.
DO $$ BEGIN ALTER TABLE t ALTER COLUMN n TYPE text; END $$;
COPY t (id, n, p) FROM stdin;
<<rows 5001 7000 "\n" "@\t0@\tx*200">>
\.
