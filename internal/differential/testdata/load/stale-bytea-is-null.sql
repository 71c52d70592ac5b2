SET my.way='open';
<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
SET my.way='closed';
<<rows 11 18 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
