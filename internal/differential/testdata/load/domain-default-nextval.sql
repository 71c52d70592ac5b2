<<rows 1 19 "\n" "INSERT INTO t (id) VALUES (@);">>
INSERT INTO t (id) VALUES (3);
