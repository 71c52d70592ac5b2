<<rows 1 20 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
REFRESH MATERIALIZED VIEW v;
<<rows 21 40 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
