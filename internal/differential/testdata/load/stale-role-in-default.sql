<<rows 1 8 "\n" "INSERT INTO t (id) VALUES (@);">>
SET ROLE own1;
<<rows 11 18 "\n" "INSERT INTO t (id) VALUES (@);">>
RESET ROLE;
<<rows 21 28 "\n" "INSERT INTO t (id) VALUES (@);">>
