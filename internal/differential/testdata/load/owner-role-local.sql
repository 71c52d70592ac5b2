SET LOCAL session_replication_role TO 'replica';
<<rows 1 9 "\n" "INSERT INTO t VALUES (@,'a');">>
SET LOCAL session_replication_role TO DEFAULT;
<<rows 11 19 "\n" "INSERT INTO t VALUES (@,'a');">>
