SET session_replication_role=replica;
INSERT INTO t(id) VALUES (1)\; INSERT INTO t(id) VALUES (2);
INSERT INTO l SELECT count(DISTINCT c), min(q) FROM t;
TRUNCATE t;
