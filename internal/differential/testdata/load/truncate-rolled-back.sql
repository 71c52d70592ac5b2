SAVEPOINT s;
TRUNCATE a CASCADE;
INSERT INTO a (id,p) VALUES
<<rows 1 2000 ",\n" "(@,'x*200')">>;
ROLLBACK TO s;
<<rows 11 19 "\n" "INSERT INTO a VALUES (@,'a');">>
INSERT INTO a VALUES (2,'again');
