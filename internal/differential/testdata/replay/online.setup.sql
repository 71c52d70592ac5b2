CREATE TABLE t (id int PRIMARY KEY, n int, note text);
CREATE INDEX ON t (n);
INSERT INTO t VALUES (1, 1, 'old'), (3001, 1, 'old');
