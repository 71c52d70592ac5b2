<<rows 1 9 "\n" "INSERT INTO t (id) VALUES (@);">>
