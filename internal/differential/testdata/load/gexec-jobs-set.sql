SELECT 'SET search_path=s1' \gexec
COPY t (id,p) FROM stdin;
1	a
\.
SELECT 'SET search_path=s2' \gexec
COPY t (id,p) FROM stdin;
2	a
\.
