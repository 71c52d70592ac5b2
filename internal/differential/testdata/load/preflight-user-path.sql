SET search_path="$user", public;
<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
