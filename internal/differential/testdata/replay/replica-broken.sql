SET session_replication_role = 'replica';
TRUNCATE t, u;
<<rows 1 400 "\n" "INSERT INTO u (id,t) VALUES (@,@);">>
<<rows 2 400 "\n" "INSERT INTO t (id,n) VALUES (@,@);">>
RESET session_replication_role;
