SELECT count(DISTINCT a), count(DISTINCT b), count(DISTINCT c) FROM t;
