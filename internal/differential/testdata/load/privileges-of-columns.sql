<<rows 1 30 "\n" "INSERT INTO t VALUES (@,'a');">>
