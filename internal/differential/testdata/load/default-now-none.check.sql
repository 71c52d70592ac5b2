SELECT count(DISTINCT ts), count(DISTINCT x) FROM t;
