insert into t values (3, 'c') \q
insert into t values (4, 'd');
