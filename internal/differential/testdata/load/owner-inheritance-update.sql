SET session_replication_role=replica;
UPDATE p SET n = 2;
