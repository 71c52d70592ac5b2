SET session_replication_role=replica;
INSERT INTO t VALUES (1);
INSERT INTO t VALUES (7);
INSERT INTO par VALUES (1);
SET session_replication_role=origin;
INSERT INTO t VALUES (1);
