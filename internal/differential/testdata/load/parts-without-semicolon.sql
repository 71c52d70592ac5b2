INSERT INTO t (id,a,c) VALUES
<<rows 0 1499 ",\n" "(@,'x*1000','a')">>,
(1500,E'a\nb','a'),
<<rows 1501 3499 ",\n" "(@,'x*1000','a')">>
