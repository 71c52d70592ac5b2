SET session_replication_role=replica;
UPDATE par SET id=10 WHERE id=1;
INSERT INTO par (id,p) VALUES (1,'again');
SET session_replication_role=origin;
UPDATE par SET id=20 WHERE id=2;
