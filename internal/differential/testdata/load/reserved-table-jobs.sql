INSERT INTO left VALUES
<<rows 1 300 ",\n" "(@,'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',1)">>;
