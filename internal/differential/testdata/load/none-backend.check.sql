SELECT count(DISTINCT p), count(DISTINCT x) FROM t;
