copy t from stdin delimiter ',' null 'x';
1,a
2,x
\.
copy t from stdin with csv header quote '"' null as 'n';
a,b
1,n
\.
