\copy t from stdin csv header
a,b
1,x
\.
\copy t from stdin delimiter ',' null 'x'
1,x
\.
\copy t from stdin with delimiter as ',' null as 'y'
1,y
\.
\copy t from stdin using delimiters ','
1,y
\.
