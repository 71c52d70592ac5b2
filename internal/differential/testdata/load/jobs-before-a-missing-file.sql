COPY t FROM stdin;
1	5
\.
\i nosuch.sql
