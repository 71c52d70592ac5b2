INSERT INTO t (id,p) VALUES
<<rows 1 900 ",\n" "(@,'x*12')">>;
