CREATE TEMPORARY TABLE t(id int primary key, pad text);
<<rows 1 20 "\n" "INSERT INTO t VALUES (@,'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx');">>
TRUNCATE t;
BEGIN READ ONLY;
<<rows 21 6000 "\n" "INSERT INTO t VALUES (@,'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx');">>
COMMIT;
