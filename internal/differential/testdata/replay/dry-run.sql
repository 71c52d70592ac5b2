<<rows 1 20 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
SELECT setval('t_id_seq', 100);
SELECT setval('t_id_seq', 200), 1;
<<rows 21 40 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
SELECT nextval('t_id_seq');
TRUNCATE t RESTART IDENTITY;
INSERT INTO t (n) VALUES (1);
