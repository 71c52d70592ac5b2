copy t from stdin with (format csv, header);
a,b
1,x
\.
