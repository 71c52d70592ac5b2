SET TimeZone='UTC';
<<rows 1 8 "\n" "INSERT INTO t (id,at) VALUES (@,'2024-01-01 00:00:00');">>
INSERT INTO t (id,at) VALUES (9,'2024-01-01 00:00:00') RETURNING set_config('TimeZone','Asia/Tokyo',false);
<<rows 11 18 "\n" "INSERT INTO t (id,at) VALUES (@,'2024-01-01 00:00:00');">>
