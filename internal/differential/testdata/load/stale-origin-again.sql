SET session_replication_role=replica;
<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
<<rows 1 8 "\n" "INSERT INTO u (id,p) VALUES (@,'a');">>
RESET session_replication_role;
<<rows 11 18 "\n" "INSERT INTO u (id,p) VALUES (@,'a');">>
<<rows 11 18 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
