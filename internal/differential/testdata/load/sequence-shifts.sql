TRUNCATE t CASCADE;
<<rows 1 9 "\n" "INSERT INTO n (p) VALUES ('a@');">>
INSERT INTO t (id,p) VALUES
<<rows 1 2000 ",\n" "(@,'x*200')">>;
