<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,@);">>
ALTER TABLE t ADD FOREIGN KEY (p) REFERENCES p;
<<rows 11 18 "\n" "INSERT INTO t (id,p) VALUES (@,@);">>
INSERT INTO t (id,p) VALUES (1,99);
