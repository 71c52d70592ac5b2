SET search_path=s1;
SET LOCAL search_path=s2;
INSERT INTO u VALUES (1,'a');
SELECT set_config('search_path','s1',true);
<<rows 1 8 "\n" "INSERT INTO t (id,p) VALUES (@,'a');">>
