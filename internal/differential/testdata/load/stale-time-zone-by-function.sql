SET TimeZone='UTC';
<<rows 1 8 "\n" "INSERT INTO t (id,at) VALUES (@,'2024-01-01 00:00:00');">>
SELECT z();
<<rows 11 18 "\n" "INSERT INTO t (id,at) VALUES (@,'2024-01-01 00:00:00');">>
