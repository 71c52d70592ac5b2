ALTER TABLE t /* no trigger yet */ ADD COLUMN p text;
<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
