SELECT setseed(0.25);
INSERT INTO t (id,pad) VALUES
<<rows 1 12000 ",\n" "(@,'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx')">>,
(12001,'a'||'b');
