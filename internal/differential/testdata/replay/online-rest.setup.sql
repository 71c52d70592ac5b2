CREATE TABLE t (id int PRIMARY KEY, n int, note text);
CREATE TABLE w (id int PRIMARY KEY, n int);
INSERT INTO t VALUES (1, 1, 'old'), (3001, 1, 'old');
INSERT INTO w VALUES (1, 1);
