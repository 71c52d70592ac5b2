set client_encoding = 'LATIN1';
copy t from stdin;
1	aé
\.
insert into t values (2, 'bé');
