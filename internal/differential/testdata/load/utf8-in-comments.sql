INSERT INTO t /* café */ VALUES
(0,'a',1), -- café
<<rows 1 300 ",\n" "(@,'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',1)">>;
