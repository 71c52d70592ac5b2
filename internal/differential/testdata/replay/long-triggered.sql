<<rows 1 20 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
INSERT INTO r (id,n,note) VALUES
<<rows 1 2300 ",\n" "(@,@,'x*1000')">>;
<<rows 21 40 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
