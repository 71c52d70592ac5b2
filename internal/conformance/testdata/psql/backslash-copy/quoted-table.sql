create table "a b" (x int);
\copy "a b" from stdin
1
\.
create table "c""d" (x int);
\copy "c""d" from stdin
1
\.
