CREATE TEMP TABLE t (id int, p text);
<<rows 1 9 "\n" "INSERT INTO t VALUES (@,'a');">>
INSERT INTO one VALUES (1) RETURNING make('DROP TABLE pg_temp.t');
<<rows 11 19 "\n" "INSERT INTO t VALUES (@,'a');">>
