CREATE TEMPORARY TABLE t(id int primary key, pad text);
SET TRANSACTION READ ONLY;
<<rows 1 6000 "\n" "INSERT INTO t VALUES (@,'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx');">>
