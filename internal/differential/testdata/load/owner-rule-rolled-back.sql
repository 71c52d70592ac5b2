SET session_replication_role=replica;
SAVEPOINT a;
CREATE RULE r AS ON INSERT TO t DO ALSO INSERT INTO l VALUES (1);
INSERT INTO t VALUES (1,'a');
ROLLBACK TO a;
INSERT INTO t VALUES (2,'a');
SET session_replication_role=origin;
