SET TimeZone='UTC';
TRUNCATE t CASCADE;
COPY t (id, at, p) FROM stdin;
<<rows 1 2000 "\n" "@\t2024-01-01 00:00:00\tx*200">>
\.
SET TimeZone='Asia/Tokyo';
COPY t (id, at, p) FROM stdin;
<<rows 5001 7000 "\n" "@\t2024-01-01 00:00:00\tx*200">>
\.
