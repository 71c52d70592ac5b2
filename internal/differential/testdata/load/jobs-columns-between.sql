INSERT INTO t VALUES
<<rows 1 3000 ",\n" "(@,1,'x')">>;
ALTER TABLE t RENAME a TO z; ALTER TABLE t RENAME b TO a; ALTER TABLE t RENAME z TO b;
INSERT INTO t VALUES
<<rows 3001 6000 ",\n" "(@,1,'x')">>;
