create table g (a int, b int generated always as (a * 2) stored);
copy g (a) from stdin;
1
\.
