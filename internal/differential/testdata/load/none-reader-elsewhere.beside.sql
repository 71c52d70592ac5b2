BEGIN; SELECT count(*) FROM t;
