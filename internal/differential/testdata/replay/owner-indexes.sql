TRUNCATE o.t, o.u;
COPY o.t (id, n, note) FROM stdin;
<<rows 1 2600 "\n" "@\t@\tx*200">>
\.
INSERT INTO o.u SELECT id, id FROM o.t;
