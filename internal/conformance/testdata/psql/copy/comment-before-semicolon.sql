copy t from stdin /* c */ -- x
;
1	a
\.
