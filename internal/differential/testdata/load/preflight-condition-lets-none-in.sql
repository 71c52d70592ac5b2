COPY t (id) FROM stdin WHERE id > 5;
1
\.
INSERT INTO t VALUES (1,1);
