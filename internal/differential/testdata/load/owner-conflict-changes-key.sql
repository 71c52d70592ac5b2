SET session_replication_role=replica;
INSERT INTO par VALUES (3,1) ON CONFLICT (u) DO UPDATE SET id = 100;
INSERT INTO par VALUES (1,9);
