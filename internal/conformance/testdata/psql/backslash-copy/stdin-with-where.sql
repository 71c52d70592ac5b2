\copy t from stdin with (format csv) where a > 1
1,a
2,b
\.
