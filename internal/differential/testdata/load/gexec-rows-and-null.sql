<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
SELECT 'INSERT INTO l SELECT count(*) FROM t', NULL, 'INSERT INTO t VALUES (9,''b'')' FROM generate_series(1,3) \gexec
<<rows 11 18 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
