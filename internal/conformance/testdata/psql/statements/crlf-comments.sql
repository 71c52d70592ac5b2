-- a comment
insert into t values (1, 'a'); -- b
/* c
*/ insert into t values (2, 'c');
