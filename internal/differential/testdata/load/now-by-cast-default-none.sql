<<rows 0 19 "\n" "INSERT INTO t (id) VALUES (@);">>
