SET session_replication_role=replica;
INSERT INTO chi (id,pid) VALUES (2,1);
INSERT INTO par (id) VALUES (1);
SET session_replication_role=origin;
INSERT INTO chi (id,pid) VALUES (3,5);
