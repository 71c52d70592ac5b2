INSERT INTO u VALUES (1);
INSERT INTO t (id,a,c) VALUES
<<rows 0 1499 ",\n" "(@,'x*1000','a')">>,
(1500,upper('b'),'a'),
<<rows 1501 3499 ",\n" "(@,'x*1000','a')">>;
