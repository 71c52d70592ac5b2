TRUNCATE TABLE par CASCADE;
TRUNCATE TABLE chi CASCADE;
COPY par (id, p) FROM stdin;
<<rows 1 3000 "\n" "@\tx*200">>
\.
COPY chi (id, p) FROM stdin;
<<rows 1 3000 "\n" "@\tx*200">>
\.
