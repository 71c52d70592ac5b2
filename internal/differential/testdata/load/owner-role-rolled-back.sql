SAVEPOINT a;
SET session_replication_role=replica;
INSERT INTO t VALUES (1,'a');
ROLLBACK TO a;
<<rows 11 19 "\n" "INSERT INTO t VALUES (@,'a');">>
