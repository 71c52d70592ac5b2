CREATE TABLE t (id int PRIMARY KEY, n int, note text);
CREATE TABLE u (id int PRIMARY KEY, t int REFERENCES t, note text);
CREATE INDEX ON t (n);
INSERT INTO t VALUES (1, 1, 'old'), (2, 2, 'old');
INSERT INTO u VALUES (1, 1, 'old');
