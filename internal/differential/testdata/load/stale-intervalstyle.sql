<<rows 1 8 "\n" "INSERT INTO t (id,d) VALUES (@,'-1 2:03:04');">>
SET intervalstyle=sql_standard;
<<rows 11 18 "\n" "INSERT INTO t (id,d) VALUES (@,'-1 2:03:04');">>
