SET session_replication_role=replica;
SELECT format('INSERT INTO t (id,p) VALUES (%s,''a'')', g) FROM generate_series(1,5) g \gexec
SET session_replication_role=origin;
INSERT INTO t (id,p) VALUES (6,'a');
