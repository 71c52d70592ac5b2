<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
SET SESSION AUTHORIZATION own1;
<<rows 11 18 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
