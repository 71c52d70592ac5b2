\set ON_ERROR_STOP off
\set ON_ERROR_ROLLBACK on
INSERT INTO missing VALUES (1);
<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
