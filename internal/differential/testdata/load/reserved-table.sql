INSERT INTO t VALUES (1,'a',1);
INSERT INTO user VALUES
<<rows 1 300 ",\n" "(@,'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',1)">>;
