\set AUTOCOMMIT off
\set ON_ERROR_ROLLBACK on
INSERT INTO t VALUES (1, 1, '');
TRUNCATE t;
<<rows 1 40 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
COMMIT;
