<<rows 1 20 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
INSERT INTO t VALUES ($1, 1, '') \bind 21 \g
<<rows 22 40 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
SELECT 1 AS a \gset
INSERT INTO t VALUES (41, 1, '') \g
<<rows 42 60 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
SELECT 1 \gdesc
