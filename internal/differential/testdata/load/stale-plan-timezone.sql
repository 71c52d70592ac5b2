SET TimeZone='UTC';
TRUNCATE t CASCADE;
INSERT INTO t (id,at,p) VALUES
<<rows 1 2000 ",\n" "(@,'2024-01-01 00:00:00','x*200')">>;
SET TimeZone='Asia/Tokyo';
INSERT INTO t (id,at,p) VALUES
<<rows 5000 5099 ",\n" "(@,'2024-01-01 00:00:00','x*200')">>;
