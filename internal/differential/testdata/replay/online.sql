TRUNCATE t;
<<rows 1 40 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
SELECT count(*) FROM t;
