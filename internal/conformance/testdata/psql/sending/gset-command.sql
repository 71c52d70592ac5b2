insert into t values (1, 'a') \gset
insert into t values (2, 'b');
