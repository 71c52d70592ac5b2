TRUNCATE t CASCADE;
INSERT INTO t (id,p) VALUES
<<rows 1 2000 ",\n" "(@,'x*200')">>;
SELECT 'TRUNCATE t CASCADE' \gexec
INSERT INTO t (id,p) VALUES
<<rows 1 2000 ",\n" "(@,'x*200')">>;
<<rows 11 18 "\n" "INSERT INTO u (id,p) VALUES (@,'a');">>
