copy t from stdin; \echo after
1	a
\.
\echo last
