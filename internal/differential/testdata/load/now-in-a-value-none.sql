<<rows 1 41 "\n" "INSERT INTO t VALUES (@,'now','now');">>
INSERT INTO r SELECT count(DISTINCT a) FROM t;
ALTER TABLE t DROP COLUMN a;
