copy t from stdin with (format csv, header match);
a,b
1,x
\.
copy t from stdin with (format csv, header match);
b,a
1,x
\.
