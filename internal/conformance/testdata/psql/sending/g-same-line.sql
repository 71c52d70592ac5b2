insert into t values (1, 'a') \g insert into t values (2, 'b');
insert into t values (3, 'c');
