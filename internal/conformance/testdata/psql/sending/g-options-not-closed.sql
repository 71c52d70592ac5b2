insert into t values (1, 'a') \g (border=2
insert into t values (2, 'b');
