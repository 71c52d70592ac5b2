INSERT INTO t (id,x) VALUES (1,5),(1,5);
\nosuch
