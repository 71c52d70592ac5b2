INSERT INTO s (n) VALUES (1),(2);
<<rows 1 600 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*30');">>
INSERT INTO t (id,n,note) VALUES (7,1,'again');
