<<rows 1 19 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
