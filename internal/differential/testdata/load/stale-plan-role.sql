SET session_replication_role = replica;
TRUNCATE t CASCADE;
INSERT INTO t (id,p) VALUES
<<rows 1 2000 ",\n" "(@,'x*200')">>;
SET session_replication_role = DEFAULT;
<<rows 5000 5009 "\n" "INSERT INTO t (id,p) VALUES (@,'x');">>
