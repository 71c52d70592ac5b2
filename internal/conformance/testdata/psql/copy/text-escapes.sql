copy t from stdin;
1	a\tb\nc\\d\x41\101
2	\\N
3	\\.
\.
