SET TimeZone='UTC';
<<rows 1 8 "\n" "INSERT INTO t (id,at) VALUES (@,'2024-01-01 00:00:00+05');">>
ALTER TABLE t ALTER COLUMN at TYPE timestamptz;
<<rows 11 18 "\n" "INSERT INTO t (id,at) VALUES (@,'2024-01-01 00:00:00+05');">>
