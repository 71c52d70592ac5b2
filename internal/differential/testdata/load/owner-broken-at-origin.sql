SET session_replication_role=replica;
INSERT INTO chi VALUES (1,1);
SET session_replication_role=origin;
INSERT INTO par VALUES (1);
