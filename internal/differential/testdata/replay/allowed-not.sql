INSERT INTO t (id,n,note) VALUES (1,1,'a'),(2,2,'b');
INSERT INTO pg_catalog.pg_description (objoid,classoid,objsubid,description) VALUES (1,1,0,'a'),(2,1,0,'b');
