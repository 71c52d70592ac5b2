<<rows 1 9 "\n" "INSERT INTO t (p) VALUES ('a@');">>
SELECT setval('t_id_seq', 100);
<<rows 1 9 "\n" "INSERT INTO t (p) VALUES ('a@');">>
SELECT nextval('t_id_seq') AS n \gset
INSERT INTO t (id,p) VALUES (:n + 1000,'last');
