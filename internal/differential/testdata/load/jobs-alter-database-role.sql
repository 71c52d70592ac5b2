DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path=s1', current_database()); END $$;
COPY t (id) FROM stdin;
1
\.
