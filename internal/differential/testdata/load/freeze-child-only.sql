TRUNCATE TABLE par CASCADE;
TRUNCATE TABLE chi CASCADE;
<<rows 1 3 "\n" "INSERT INTO par VALUES (@,'a');">>
COPY chi (id, pid, p) FROM stdin;
<<rows 1 3000 "\n" "@\t1\tx*200">>
\.
