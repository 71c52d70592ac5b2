SET search_path=s1;
TRUNCATE t CASCADE;
INSERT INTO t (id,p) VALUES
<<rows 1 2000 ",\n" "(@,'x*200')">>;
SET search_path=s2;
INSERT INTO t (id,p) VALUES
<<rows 5000 5099 ",\n" "(@,'x*200')">>;
