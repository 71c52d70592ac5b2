INSERT INTO m VALUES (1);
<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
