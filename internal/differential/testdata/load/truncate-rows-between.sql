TRUNCATE a CASCADE;
INSERT INTO a (id,p) VALUES
<<rows 1 2000 ",\n" "(@,'x*200')">>;
TRUNCATE a CASCADE;
INSERT INTO a (id,p) VALUES
<<rows 1 2000 ",\n" "(@,'x*200')">>;
<<rows 1 9 "\n" "INSERT INTO b VALUES (@,'a');">>
