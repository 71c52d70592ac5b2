SET session_replication_role=replica;
INSERT INTO chi VALUES (1,1);
SELECT 'TRUNCATE par CASCADE' \gexec
<<rows 1 8 "\n" "INSERT INTO par (id) VALUES (@);">>
