TRUNCATE t CASCADE;
INSERT INTO t (id,x,p) VALUES
<<rows 1 2500 ",\n" "(@,@,'x*200')">>;
INSERT INTO t (id,x,p) VALUES (99999,0,'a');
SELECT 1;
