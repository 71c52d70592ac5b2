insert into t values (1, 'copy t from stdin;');
