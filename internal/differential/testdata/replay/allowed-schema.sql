CREATE EXTENSION IF NOT EXISTS citext;
CREATE TABLE t (id int PRIMARY KEY, c citext);
<<rows 1 40 "\n" "INSERT INTO t (id,c) VALUES (@,'x*3');">>
CREATE INDEX ON t (c);
