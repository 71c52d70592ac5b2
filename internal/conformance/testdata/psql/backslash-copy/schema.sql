create schema if not exists bc_schema;
create table if not exists bc_schema.x (a int);
\copy bc_schema.x from stdin
1
\.
\copy bc_schema . x from stdin
2
\.
\copy "bc_schema"."x" (a) from stdin
3
\.
delete from bc_schema.x;
