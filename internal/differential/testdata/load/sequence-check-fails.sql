<<rows 1 19 "\n" "INSERT INTO t (n) VALUES (@);">>
