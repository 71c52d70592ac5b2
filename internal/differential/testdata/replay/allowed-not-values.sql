INSERT INTO v (id,n,note) VALUES (1,1,'a'),(2,2,pg_read_file('PG_VERSION'));
