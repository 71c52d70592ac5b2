<<rows 1 20 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
SELECT setval('t_id_seq', 100);
<<rows 21 40 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
SELECT set_config('work_mem', '4MB', false);
<<rows 41 60 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
SELECT setval('t_id_seq', 200) \gset
<<rows 61 80 "\n" "INSERT INTO t (id,n,note) VALUES (@,@,'x*3');">>
