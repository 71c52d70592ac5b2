CREATE TEMP TABLE x(id int);
<<rows 1 40 "\n" "INSERT INTO t VALUES (@,'x');">>
DELETE FROM t WHERE r = 'x'::regclass AND id > 3;
ALTER TABLE t ALTER COLUMN r TYPE text USING 'x';
