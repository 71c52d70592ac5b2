SET search_path=s1;
DO $$ BEGIN SET search_path=s2; END $$;
COPY t (id,p) FROM stdin;
2	b
\.
