\copy t from stdin with (format csv, header)
a,b
1,"x
y"
\.
insert into t values (2, 'b');
