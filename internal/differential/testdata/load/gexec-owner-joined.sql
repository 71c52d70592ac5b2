SET session_replication_role=replica;
INSERT INTO chi VALUES (1,1);
SELECT 'TRUNCATE par CASCADE; INSERT INTO chi VALUES (2,2); SET session_replication_role=origin; INSERT INTO par VALUES (3)', 'INSERT INTO chi VALUES (3,3)' UNION ALL SELECT 'SELECT 1; SET session_replication_role=replica; INSERT INTO chi VALUES (4,4)', 'INSERT INTO par VALUES (2), (4)' \gexec
