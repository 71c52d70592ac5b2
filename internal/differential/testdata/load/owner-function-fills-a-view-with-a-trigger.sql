SET session_replication_role = replica;
DO $$BEGIN PERFORM f2(); END$$;
INSERT INTO b VALUES (3);
SET session_replication_role = DEFAULT;
INSERT INTO v VALUES (4);
