COPY t (id) FROM stdin;
1
\.
SET ROLE own1;
COPY u (id) FROM stdin;
2
\.
RESET ROLE;
COPY t (id) FROM stdin;
3
\.
SET SESSION AUTHORIZATION own1;
COPY u (id) FROM stdin;
4
\.
