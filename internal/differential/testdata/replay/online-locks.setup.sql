CREATE TABLE t (id int PRIMARY KEY, n int, note text);
INSERT INTO t VALUES (1, 1, 'old');
