begin;
truncate t;
copy t from stdin with (freeze);
1	a
\.
commit;
