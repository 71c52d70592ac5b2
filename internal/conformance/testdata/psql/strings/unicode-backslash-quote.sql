insert into t values (1, U&'a\');
insert into t values (2, 'next');
