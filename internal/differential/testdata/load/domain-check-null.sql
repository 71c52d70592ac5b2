INSERT INTO t (id,n) VALUES (1,1);
<<rows 2 9 "\n" "INSERT INTO t (id) VALUES (@);">>
