<<rows 0 29 "\n" "INSERT INTO t (p) VALUES ('a@');">>
