<<rows 1 9 "\n" "INSERT INTO t (p) VALUES ('a@');">>
TRUNCATE t RESTART IDENTITY CASCADE;
<<rows 1 9 "\n" "INSERT INTO t (p) VALUES ('a@');">>
ALTER SEQUENCE t_id_seq INCREMENT BY -3 MINVALUE -100;
<<rows 1 9 "\n" "INSERT INTO t (p) VALUES ('a@');">>
<<rows 1 9 "\n" "INSERT INTO u (p) VALUES ('a@');">>
INSERT INTO u OVERRIDING SYSTEM VALUE VALUES (500,'a');
