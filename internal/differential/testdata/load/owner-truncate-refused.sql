SET session_replication_role=replica;
TRUNCATE par CASCADE;
INSERT INTO chi VALUES (1,1);
TRUNCATE par;
