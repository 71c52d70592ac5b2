COPY t (id,p) FROM stdin;
1	a
\.
SET default_transaction_read_only=on;
COPY t (id,p) FROM stdin;
2	b
\.
