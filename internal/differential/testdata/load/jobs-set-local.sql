SET search_path=s1;
BEGIN;
SET LOCAL search_path=s2;
COPY t (id,p) FROM stdin;
1	a
\.
COMMIT;
COPY t (id,p) FROM stdin;
2	b
\.
