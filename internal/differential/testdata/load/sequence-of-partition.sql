INSERT INTO t1 (id,n) VALUES (1,5);
<<rows 1 4 "\n" "INSERT INTO t (id) VALUES (@);">>
<<rows 11 19 "\n" "INSERT INTO t1 (id) VALUES (@);">>
