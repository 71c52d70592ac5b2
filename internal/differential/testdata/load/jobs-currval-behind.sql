COPY t (p) FROM stdin;
a
b
\.
INSERT INTO u VALUES (currval('t_id_seq'),'a');
SELECT currval('t_id_seq') AS n \gset
INSERT INTO u VALUES (:n,'b');
