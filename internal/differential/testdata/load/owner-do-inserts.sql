SET session_replication_role=replica;
INSERT INTO u VALUES (1);
DO $$ BEGIN INSERT INTO t VALUES (1,'a'); END $$;
SET session_replication_role=origin;
INSERT INTO t VALUES (2,'a');
