SET TimeZone='UTC';
<<rows 1 8 "\n" "INSERT INTO t (id,at) VALUES (@,'2024-01-01 00:00:00');">>
DISCARD ALL;
<<rows 11 18 "\n" "INSERT INTO t (id,at) VALUES (@,'2024-01-01 00:00:00');">>
RESET ALL;
<<rows 21 28 "\n" "INSERT INTO t (id,at) VALUES (@,'2024-01-01 00:00:00');">>
