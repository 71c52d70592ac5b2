INSERT INTO t VALUES
<<rows 1 3000 ",\n" "(@,'x@')">>;
ALTER TABLE t ALTER v TYPE bytea USING v::bytea;
INSERT INTO t VALUES
<<rows 3001 6000 ",\n" "(@,'\\x6162')">>;
