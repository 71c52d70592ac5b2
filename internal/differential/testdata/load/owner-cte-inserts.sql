SET session_replication_role=replica;
WITH x AS (INSERT INTO t VALUES (1,'a') RETURNING id) INSERT INTO u SELECT id FROM x;
PREPARE p AS INSERT INTO t VALUES ($1,'b');
EXECUTE p(2);
MERGE INTO t USING u ON t.id=u.id+10 WHEN NOT MATCHED THEN INSERT VALUES (30,'m');
SET session_replication_role=origin;
INSERT INTO t VALUES (4,'a');
