SET search_path=s1;
SAVEPOINT a;
SET search_path=s2;
<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
SELECT 'ROLLBACK TO a' \gexec
<<rows 11 18 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
