INSERT INTO t (id,p) VALUES (700,'explicit');
INSERT INTO t (p) VALUES
<<rows 1 1900 ",\n" "('x*200@')">>;
