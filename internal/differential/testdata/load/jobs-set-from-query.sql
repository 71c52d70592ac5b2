SELECT set_config('search_path', p, false) FROM public.v;
COPY t (id,p) FROM stdin;
2	b
\.
