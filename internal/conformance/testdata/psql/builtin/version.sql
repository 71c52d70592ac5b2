\echo :VERSION
\echo :VERSION_NAME
\echo :VERSION_NUM
insert into t values (1, :{?VERSION}::text || :{?VERSION_NAME}::text || :{?VERSION_NUM}::text);
