SAVEPOINT a\; SET session_replication_role=replica\; INSERT INTO chi VALUES (1,1);
ROLLBACK TO a\; INSERT INTO par VALUES (1)\; INSERT INTO chi VALUES (1,1)\; SET session_replication_role=replica;
INSERT INTO chi VALUES (2,2);
INSERT INTO par VALUES (2)\; SET session_replication_role=origin\; INSERT INTO par VALUES (3);
