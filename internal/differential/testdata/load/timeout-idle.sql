TRUNCATE t CASCADE;
INSERT INTO t (id,p) VALUES
<<rows 1 4000 ",\n" "(@,'x*200')">>;
