insert into t values (1, E'a\''
'b\'c');
insert into t values (2, 'x');
