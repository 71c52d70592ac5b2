INSERT INTO t (a,c) VALUES
<<rows 0 1499 ",\n" "('x*1000','a')">>,
(E'a\nb','a'),
<<rows 1501 3499 ",\n" "('x*1000','a')">>;
INSERT INTO t (a,c) VALUES ('last','a');
