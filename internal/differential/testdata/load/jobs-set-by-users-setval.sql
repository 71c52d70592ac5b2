COPY t (id,at) FROM stdin;
1	2024-01-01 00:00:00
\.
SELECT setval('s', 4);
COPY t (id,at) FROM stdin;
2	2024-01-01 00:00:00
\.
