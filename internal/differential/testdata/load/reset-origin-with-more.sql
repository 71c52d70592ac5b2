INSERT INTO t VALUES (1);
RESET session_replication_role foo;
INSERT INTO t VALUES (2);
