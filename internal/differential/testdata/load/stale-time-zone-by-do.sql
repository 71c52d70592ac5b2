SET TimeZone='UTC';
TRUNCATE t CASCADE;
INSERT INTO t (id,at,p) VALUES
<<rows 1 2000 ",\n" "(@,'2024-01-01 00:00:00','x*200')">>;
DO $$ BEGIN PERFORM set_config('TimeZone','Asia/Tokyo',false); END $$;
INSERT INTO t (id,at,p) VALUES
<<rows 5000 5100 ",\n" "(@,'2024-01-01 00:00:00','x*200')">>;
