SELECT count(*), count(DISTINCT at) FROM t
