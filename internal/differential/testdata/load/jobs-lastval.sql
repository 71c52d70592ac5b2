SELECT nextval('s');
COPY t (p) FROM stdin;
a
\.
