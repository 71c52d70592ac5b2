DELETE FROM l RETURNING set_config('search_path',p,false);
<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
