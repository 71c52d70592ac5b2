SET search_path=s1,public;
SELECT go();
COPY t (id,p) FROM stdin;
2	b
\.
