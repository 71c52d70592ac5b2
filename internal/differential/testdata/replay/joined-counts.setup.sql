CREATE TABLE t (id int PRIMARY KEY, n int, note text);
CREATE TABLE u (id int PRIMARY KEY, t int REFERENCES t, note text);
