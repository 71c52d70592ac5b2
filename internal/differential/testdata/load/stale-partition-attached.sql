<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
ALTER TABLE t ATTACH PARTITION tb FOR VALUES IN ('b');
<<rows 11 18 "\n" "INSERT INTO t (id,p) VALUES (@,'b');">>
