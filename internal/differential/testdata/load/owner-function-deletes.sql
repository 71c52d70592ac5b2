SET session_replication_role=replica;
INSERT INTO par (id,p) VALUES (3,'x');
SELECT gone();
INSERT INTO par (id,p) VALUES (1,'again');
