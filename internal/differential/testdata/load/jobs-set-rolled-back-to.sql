SET search_path=s1;
BEGIN;
SAVEPOINT a;
SET search_path=s2;
ROLLBACK TO a;
COMMIT;
COPY t (id,p) FROM stdin;
2	b
\.
