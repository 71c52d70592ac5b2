INSERT INTO t (id,x) VALUES (1,5),(2,5);
\nosuch
INSERT INTO t (id,x) VALUES (1,5),(2,5);

