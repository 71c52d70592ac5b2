INSERT INTO t VALUES (1);
SET session_replication_role = origin foo;
INSERT INTO t VALUES (2);
