SELECT set_config('search_path', 'public', false);
INSERT INTO t (id,n,note) SELECT * FROM (VALUES
<<rows 1 2300 ",\n" "(@,@,'x*1000')">>) v;
INSERT INTO t VALUES (3000, 1, 'after');
