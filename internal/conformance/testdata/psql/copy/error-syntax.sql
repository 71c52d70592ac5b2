copy t from stdin with (nonsense);
insert into t values (1, 'x');
\.
insert into t values (4, 'd');
