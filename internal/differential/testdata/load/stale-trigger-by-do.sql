<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
DO $$ BEGIN CREATE TRIGGER tr AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION f(); END $$;
<<rows 11 18 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
