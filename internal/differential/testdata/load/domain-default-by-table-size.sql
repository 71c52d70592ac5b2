<<rows 1 9 "\n" "INSERT INTO t (id,p) VALUES (@,'x*4000');">>
