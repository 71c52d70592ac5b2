SET search_path=s1;
SAVEPOINT a;
SAVEPOINT b;
SET search_path=s2;
RELEASE b;
INSERT INTO u VALUES (1,'a');
ROLLBACK TO a;
<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
