SET session_replication_role=replica;
INSERT INTO t VALUES (1);
INSERT INTO par VALUES (1);
