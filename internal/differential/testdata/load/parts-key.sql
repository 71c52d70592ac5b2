INSERT INTO t (id,a,c) VALUES
<<rows 0 1499 ",\n" "(@,'x*1000','a')">>,
<<rows 1499 3499 ",\n" "(@,'x*1000','a')">>;
