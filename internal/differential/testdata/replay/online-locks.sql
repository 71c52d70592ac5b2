DO $$ BEGIN LOCK TABLE t; END $$;
TRUNCATE t;
<<rows 1 20 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
