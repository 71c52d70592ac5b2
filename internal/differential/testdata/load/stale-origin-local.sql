BEGIN;
SET LOCAL session_replication_role=replica;
<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
COMMIT;
<<rows 11 18 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
