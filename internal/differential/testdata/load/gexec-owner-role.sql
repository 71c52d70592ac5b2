SELECT 'SET session_replication_role=replica' \gexec
<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
SELECT 'SET session_replication_role=origin' \gexec
INSERT INTO t (id,p) VALUES (60,'a');
