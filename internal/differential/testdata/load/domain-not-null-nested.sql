<<rows 1 8 "\n" "INSERT INTO t (id) VALUES (@);">>
