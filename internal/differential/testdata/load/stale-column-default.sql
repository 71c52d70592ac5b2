<<rows 1 8 "\n" "INSERT INTO t (id) VALUES (@);">>
ALTER TABLE t ALTER n SET DEFAULT c();
<<rows 11 18 "\n" "INSERT INTO t (id) VALUES (@);">>
