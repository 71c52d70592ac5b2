SET session_replication_role=replica;
SET search_path=a;
INSERT INTO t VALUES (1);
SET search_path=b;
INSERT INTO t VALUES (2);
SELECT set_config('search_path', 'a', false);
INSERT INTO t VALUES (3);
