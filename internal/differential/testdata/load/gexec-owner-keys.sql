SET session_replication_role=replica;
SELECT format('INSERT INTO chi VALUES (%s,%s)', g, g) FROM generate_series(1,5) g \gexec
<<rows 1 8 "\n" "INSERT INTO par (id) VALUES (@);">>
SET session_replication_role=origin;
