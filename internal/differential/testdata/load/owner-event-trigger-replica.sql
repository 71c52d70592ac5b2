SET session_replication_role=replica;
<<rows 1 9 "\n" "INSERT INTO t VALUES (@,@);">>
<<rows 1 9 "\n" "INSERT INTO par VALUES (@,'a');">>
