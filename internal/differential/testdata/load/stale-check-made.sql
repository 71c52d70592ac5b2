<<rows 1 8 "\n" "INSERT INTO t VALUES (@,1);">>
ALTER TABLE t ADD CHECK (c() < 12);
<<rows 11 18 "\n" "INSERT INTO t VALUES (@,1);">>
