INSERT INTO t (id,a,b,c) VALUES
<<rows 0 1499 ",\n" "(@,'x*1000',1.5,'a')">>,
(1500,E'a\nb',1.5,'a'),
<<rows 1501 3499 ",\n" "(@,'x*1000',1.5,'a')">>;
