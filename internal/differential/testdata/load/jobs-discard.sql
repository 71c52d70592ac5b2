SET search_path=s1;
COPY t (id,p) FROM stdin;
1	a
\.
DISCARD ALL;
COPY t (id,p) FROM stdin;
2	b
\.
SET search_path=s1;
RESET ALL;
COPY t (id,p) FROM stdin;
3	b
\.
