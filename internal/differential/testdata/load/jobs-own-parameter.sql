SET my.way='a';
COPY t (id) FROM stdin;
1
\.
SELECT set_config('my.way','b',false) AS w \gset
COPY t (id) FROM stdin;
2
\.
