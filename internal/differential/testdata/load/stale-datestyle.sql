<<rows 1 8 "\n" "INSERT INTO t (id,d) VALUES (@,'03/04/2024');">>
SET datestyle='SQL, DMY';
<<rows 11 18 "\n" "INSERT INTO t (id,d) VALUES (@,'03/04/2024');">>
SET datestyle='ISO, YMD';
<<rows 21 28 "\n" "INSERT INTO t (id,d) VALUES (@,'03-04-05');">>
