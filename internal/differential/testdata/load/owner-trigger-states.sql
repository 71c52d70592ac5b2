SET session_replication_role=replica;
INSERT INTO t VALUES (1,'a');
SET session_replication_role=origin;
INSERT INTO t VALUES (2,'a');
