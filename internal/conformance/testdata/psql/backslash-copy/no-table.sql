\copy nothing from stdin
\copy nothing from 'load.sql'
insert into t values (2, 'b');
