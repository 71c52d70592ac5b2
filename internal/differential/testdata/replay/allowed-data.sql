SET statement_timeout = 0;
TRUNCATE t;
<<rows 1 300 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*10');">>
