SET session_replication_role=replica;
INSERT INTO par (id,p) VALUES (3,'x');
DO $$ BEGIN TRUNCATE par CASCADE; END $$;
INSERT INTO par (id,p) VALUES (1,'again');
