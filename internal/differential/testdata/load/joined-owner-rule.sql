SET session_replication_role=replica;
CREATE RULE rr AS ON INSERT TO t DO ALSO (INSERT INTO l VALUES (77); INSERT INTO l VALUES (78))\; INSERT INTO t VALUES (2);
INSERT INTO t VALUES (3);
SET session_replication_role=origin;
INSERT INTO t VALUES (4);
