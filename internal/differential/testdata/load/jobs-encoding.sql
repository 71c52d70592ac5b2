COPY t (id,p) FROM stdin;
1	é
\.
\encoding LATIN1
COPY u (id,p) FROM stdin;
1	é
\.
SET client_encoding='UTF8';
COPY t (id,p) FROM stdin;
2	é
\.
