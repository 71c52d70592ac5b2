COPY c FROM stdin (FORMAT csv);
a,b
\.
COPY c FROM stdin (FORMAT csv, FREEZE false);
c,"d
\\."
\.
