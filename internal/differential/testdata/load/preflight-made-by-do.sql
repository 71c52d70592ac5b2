DO $$ BEGIN CREATE TABLE t (id int, p text); END $$;
<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
