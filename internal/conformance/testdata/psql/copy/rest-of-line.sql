copy t from stdin; insert into t values (2, 'b');
1	a
\.
insert into t values (3, 'c');
