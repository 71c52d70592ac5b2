\nothing a b 'c' \echo not reached
insert into t values (1, 'a');
