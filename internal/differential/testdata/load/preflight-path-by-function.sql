INSERT INTO l SELECT set_config('search_path','s1',false);
<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
