BEGIN; SELECT count(*) FROM t1;
