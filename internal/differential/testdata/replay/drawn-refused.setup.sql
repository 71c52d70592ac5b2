CREATE TABLE t (id int PRIMARY KEY, n int, note text);
CREATE TABLE s (id serial PRIMARY KEY, n int);
