SELECT set_config('search_path', 's1', false);
SELECT CASE WHEN true THEN set_config('search_path', 's2', false) END;
COPY t (id,p) FROM stdin;
2	b
\.
SELECT set_config('search_path', 's1', true);
COPY t (id,p) FROM stdin;
3	b
\.
