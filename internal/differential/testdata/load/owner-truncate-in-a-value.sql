SET session_replication_role=replica;
INSERT INTO chi VALUES (1,1);
INSERT INTO posts VALUES (1,'How to truncate a table', abs(-1));
SELECT count(*) /* after truncate we insert */ FROM chi;
INSERT INTO posts SELECT 2, 'truncate, insert', abs(-2);
INSERT INTO par VALUES (1);
