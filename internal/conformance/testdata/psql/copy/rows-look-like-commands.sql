copy t from stdin;
1	\\d
2	:v 'quote
3	-- dashes
4	/* block
5	select 1;
\.
insert into t values (6, 'b');
