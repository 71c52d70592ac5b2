copy nothing from stdin;
insert into t values (1, 'read as SQL');
\.
insert into t values (4, 'd');
