CREATE TABLE t (id int PRIMARY KEY, n int, note text);
CREATE INDEX ON t (n);
