INSERT INTO t (id,n,note) VALUES
<<rows 1 2300 ",\n" "(@,@,'x*1000')">>,
(0,0,pg_read_file('PG_VERSION'));
