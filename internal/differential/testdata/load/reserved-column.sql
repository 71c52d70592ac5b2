INSERT INTO t (id,a,order) VALUES
<<rows 1 300 ",\n" "(@,'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',1)">>;
