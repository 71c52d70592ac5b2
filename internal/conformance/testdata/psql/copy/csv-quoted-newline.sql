copy t from stdin with (format csv);
1,"a
b

c"
2,x
\.
insert into t values (3, 'c');
