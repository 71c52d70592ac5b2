COPY r FROM stdin;
1	1	a
\.
COPY r FROM stdin;
2	1	a
\.
COPY r FROM stdin;
3	1	a
\.
COPY r FROM stdin;
4	1	a
\.
COPY r FROM stdin;
5	1	a
\.
COPY r FROM stdin;
6	1	a
\.
COPY r FROM stdin;
7	1	a
\.
COPY r FROM stdin;
8	1	a
\.
<<rows 1 20 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
<<rows 101 112 "\n" "INSERT INTO r (id,n,note) VALUES (@,@,'x*3');">>
UPDATE r SET n = 2 WHERE id = 1;
DELETE FROM r WHERE id = 2;
MERGE INTO r USING (SELECT 3 AS id) AS s ON r.id = s.id WHEN MATCHED THEN UPDATE SET n = 5;
<<rows 21 40 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
SELECT count(*) FROM r;
COPY t FROM stdin;
41	1	a
\.
COPY r FROM stdin;
201	1	a
\.
WITH a AS (SELECT 1) INSERT INTO r SELECT 300, 1, 'a' FROM a;
