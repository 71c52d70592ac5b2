SET TimeZone='UTC';
<<rows 0 9 "\n" "INSERT INTO t (id,at) VALUES (@,'2024-01-01 00:00:00');">>
INSERT INTO l SELECT set_config('TimeZone','Asia/Tokyo',false);
<<rows 0 9 "\n" "INSERT INTO t (id,at) VALUES (@,'2024-01-01 00:00:00');">>
