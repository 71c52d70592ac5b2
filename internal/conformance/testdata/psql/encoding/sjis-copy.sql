\encoding SJIS
copy t from stdin;
1	•\
2	ƒ\
\.
insert into t values (3, '•\');
