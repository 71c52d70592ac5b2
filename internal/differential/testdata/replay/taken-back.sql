<<rows 1 20 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
BEGIN;
<<rows 21 40 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
COMMIT;
<<rows 41 60 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
UPDATE t SET n = 3 WHERE id < 5;
SELECT :ROW_COUNT;
<<rows 61 80 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
BEGIN;
REFRESH MATERIALIZED VIEW v;
<<rows 81 100 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
ROLLBACK;
<<rows 101 120 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
