<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
BEGIN\; INSERT INTO t (id,p) VALUES (9,'a')\; ROLLBACK;
<<rows 11 18 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
