SET session_replication_role=replica\; TRUNCATE par CASCADE\; INSERT INTO chi VALUES (1,1);
SELECT 1\; TRUNCATE par CASCADE\; INSERT INTO chi VALUES (2,2);
INSERT INTO par VALUES (2);
SET session_replication_role=origin\; INSERT INTO par VALUES (3)\; INSERT INTO chi VALUES (3,3);
