INSERT INTO t (id) VALUES (1);
SET session_replication_role = replica;
INSERT INTO t (id,x) VALUES (2,2);
