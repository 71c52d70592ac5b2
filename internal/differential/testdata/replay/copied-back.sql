BEGIN;
SAVEPOINT a;
\copy t from stdin; rollback to a
2	1	a
\.
INSERT INTO t VALUES (3, 1, '');
COMMIT;
<<rows 4 30 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
