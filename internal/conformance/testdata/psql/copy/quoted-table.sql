create table "T;x" (a int);
copy "T;x" from stdin;
1
\.
