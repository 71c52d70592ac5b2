TRUNCATE t CASCADE;
INSERT INTO t (id,p) VALUES
<<rows 1 2000 ",\n" "(@,'x*200')">>;
TRUNCATE t\; INSERT INTO t (id,p) VALUES (1,'one');
INSERT INTO t (id,p) VALUES
<<rows 2 2000 ",\n" "(@,'x*200')">>;
