SET my.way='a';
<<rows 1 8 "\n" "INSERT INTO t (id) VALUES (@);">>
INSERT INTO u (id) VALUES (1);
<<rows 11 18 "\n" "INSERT INTO t (id) VALUES (@);">>
<<rows 11 18 "\n" "INSERT INTO u (id) VALUES (@);">>
<<rows 21 28 "\n" "INSERT INTO t (id) VALUES (@);">>
