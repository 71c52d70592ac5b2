copy t (b) from stdin;

a

\.
