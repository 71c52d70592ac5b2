SELECT count(DISTINCT ts), count(DISTINCT n) FROM t;
