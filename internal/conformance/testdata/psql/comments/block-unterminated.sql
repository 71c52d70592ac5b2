insert into t values (1, 'a'); /* never
insert into t values (2, 'b');
