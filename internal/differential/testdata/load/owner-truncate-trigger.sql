SET session_replication_role=replica;
TRUNCATE par CASCADE;
INSERT INTO par VALUES (1);
