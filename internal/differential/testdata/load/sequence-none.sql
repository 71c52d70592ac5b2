INSERT INTO t (id,p) VALUES (5,'explicit');
<<rows 1 19 "\n" "INSERT INTO t (p) VALUES ('a@');">>
