TRUNCATE t CASCADE;
INSERT INTO t (id,r,p) VALUES
<<rows 1 2000 ",\n" "(@,'[@,@]','x*200')">>;
INSERT INTO t (id,r,p) VALUES (5001,'[5,6]','a');
INSERT INTO t (id,r,p) VALUES (5002,'[5001,5001]','a');
