insert into t values (1, E'a\
b');
insert into t values (2, 'after');
