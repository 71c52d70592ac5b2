SET session_replication_role=replica;
INSERT INTO chi VALUES (1,50);
COMMENT ON CONSTRAINT chi_pid_fkey ON chi IS 'same as before';
INSERT INTO chi VALUES (2,50);
SET CONSTRAINTS ALL IMMEDIATE;
INSERT INTO chi VALUES (3,50);
