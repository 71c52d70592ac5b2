CREATE TABLE t (id int PRIMARY KEY, n int, note text);
CREATE TABLE begin (a int);
