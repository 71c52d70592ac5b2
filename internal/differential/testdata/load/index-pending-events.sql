TRUNCATE t, p CASCADE;
INSERT INTO t (id,p,x) VALUES
<<rows 1 2000 ",\n" "(@,@,'x*200')">>;
UPDATE t SET p=1 WHERE id=2;
INSERT INTO p (id,p) VALUES
<<rows 1 2000 ",\n" "(@,'x*200')">>;
