INSERT INTO t (id,p) VALUES (1,'explicit');
<<rows 0 9 "\n" "INSERT INTO t (p) VALUES ('a@');">>
