INSERT INTO t (id,a,c) VALUES
<<rows 0 1499 ",\n" "(@,'x*1000','a')">>,
(1500,DEFAULT,'a'),
<<rows 1501 3499 ",\n" "(@,'x*1000','a')">>;
<<rows 5001 5008 "\n" "INSERT INTO t (id,a,c) VALUES (@,'a','b');">>
INSERT INTO t (id,a,c) VALUES
<<rows 6001 8500 ",\n" "(@,'x*1000','a')">>;
