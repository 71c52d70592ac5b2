SET session_replication_role=replica\; INSERT INTO t (id,p) VALUES (1,'a');
SELECT 1\; INSERT INTO t (id,p) VALUES (2,'a');
SET session_replication_role=origin;
INSERT INTO t (id,p) VALUES (6,'a');
