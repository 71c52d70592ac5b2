<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
INSERT INTO t (id,p) VALUES (9,'a')\; INSERT INTO t (id,p) VALUES (1,'a');
INSERT INTO t (id,p) VALUES (10,'a');
