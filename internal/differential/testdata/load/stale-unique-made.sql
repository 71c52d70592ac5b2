TRUNCATE t CASCADE;
INSERT INTO t (id,p) VALUES
<<rows 1 2000 ",\n" "(@,'x*200')">>;
CREATE UNIQUE INDEX ON t (id);
INSERT INTO t (id,p) VALUES
<<rows 5001 7000 ",\n" "(@,'x*200')">>;
INSERT INTO t (id,p) VALUES (7,'a');
INSERT INTO t (id,p) VALUES (8,'a');
