<<rows 1 20 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
SET work_mem = '4MB'\; SET application_name = 'x';
<<rows 21 40 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
SET work_mem = '5MB'\; ALTER TABLE t ENABLE TRIGGER r;
<<rows 41 60 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
