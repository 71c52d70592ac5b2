<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
<<rows 11 18 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
