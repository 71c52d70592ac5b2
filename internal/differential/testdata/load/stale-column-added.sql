<<rows 1 8 "\n" "INSERT INTO t VALUES (@,1);">>
ALTER TABLE t DROP COLUMN n, ADD COLUMN p text, ADD COLUMN m int DEFAULT c();
<<rows 11 18 "\n" "INSERT INTO t VALUES (@,'a');">>
