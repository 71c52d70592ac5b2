COPY (SELECT set_config('search_path', 'a', false)) TO stdout;
INSERT INTO t VALUES (1);
INSERT INTO t VALUES (2);
