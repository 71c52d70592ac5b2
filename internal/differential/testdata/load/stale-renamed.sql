TRUNCATE t CASCADE;
INSERT INTO t (id,p) VALUES
<<rows 1 2000 ",\n" "(@,'x*200')">>;
ALTER TABLE t RENAME TO before;
ALTER TABLE later RENAME TO t;
<<rows 5001 5008 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
