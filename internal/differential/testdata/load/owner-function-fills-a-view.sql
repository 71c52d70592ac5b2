SET session_replication_role = replica;
SELECT f2();
INSERT INTO b VALUES (3);
SET session_replication_role = DEFAULT;
INSERT INTO v2 VALUES (4);
