copy t from stdin with (format csv);
1,"a
\.
insert into t values (2, 'b');
