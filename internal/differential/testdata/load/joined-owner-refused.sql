SET session_replication_role=replica\; INSERT INTO chi VALUES (1,1)\;
INSERT INTO par VALUES (50)\; INSERT INTO par VALUES (1);
