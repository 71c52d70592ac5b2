SET TimeZone='UTC';
SAVEPOINT a;
SET TimeZone='Asia/Tokyo';
<<rows 1 8 "\n" "INSERT INTO t (id,at) VALUES (@,'2024-01-01 00:00:00');">>
ROLLBACK TO a;
<<rows 11 18 "\n" "INSERT INTO t (id,at) VALUES (@,'2024-01-01 00:00:00');">>
