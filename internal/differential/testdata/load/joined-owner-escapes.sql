SET session_replication_role=replica;
SET standard_conforming_strings=off\; INSERT INTO t VALUES (1,'a\\b');
