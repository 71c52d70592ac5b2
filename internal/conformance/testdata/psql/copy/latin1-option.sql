copy t from stdin with (encoding 'LATIN1');
1	aé
\.
