<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
CREATE TEMP TABLE t (id int, p text, check (id > 10));
<<rows 11 18 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
INSERT INTO fin SELECT * FROM t;
