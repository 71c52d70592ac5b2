SET session_replication_role=replica;
INSERT INTO chi VALUES (1,1);
SELECT 1\; TRUNCATE par CASCADE\; INSERT INTO chi VALUES (2,2) \g
INSERT INTO par VALUES (2);
SET session_replication_role=origin \g
INSERT INTO chi VALUES (3,2);
