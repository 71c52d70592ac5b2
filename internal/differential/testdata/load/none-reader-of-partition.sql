INSERT INTO t (id,p) VALUES
<<rows 1 2000 ",\n" "(@,'x*200')">>;
