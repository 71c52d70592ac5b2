<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
INSERT INTO m SELECT make();
<<rows 11 18 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
