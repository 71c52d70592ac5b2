insert into t values (1, 'aÃ');
insert into t values (2, 'b');
