<<rows 0 19 "\n" "INSERT INTO t (id) VALUES (@);">>
CREATE TEMPORARY TABLE foo(b int);
<<rows 20 39 "\n" "INSERT INTO t (id) VALUES (@);">>
