\copy t from stdin where a > 1
1	a
2	b
\.
