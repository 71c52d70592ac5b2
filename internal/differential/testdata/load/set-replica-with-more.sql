INSERT INTO t VALUES (1);
SET session_replication_role TO replica garbage;
INSERT INTO t VALUES (2);
