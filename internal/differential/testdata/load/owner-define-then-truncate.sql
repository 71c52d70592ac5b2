SET session_replication_role=replica;
INSERT INTO chi VALUES (1,1);
ALTER TABLE par ADD COLUMN more text;
INSERT INTO chi VALUES (9,9);
TRUNCATE par CASCADE;
INSERT INTO par VALUES (4);
INSERT INTO chi VALUES (4,4);
