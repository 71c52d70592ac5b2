GRANT INSERT ON t TO own1;
SET ROLE own1;
<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
RESET ROLE;
