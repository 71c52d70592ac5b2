<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
SELECT 'CREATE TRIGGER tr AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION f()' \gexec
<<rows 11 18 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
