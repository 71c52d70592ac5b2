<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
INSERT INTO t (id,p) VALUES (9,'a')\; CREATE TRIGGER tr AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION f();
<<rows 11 18 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
