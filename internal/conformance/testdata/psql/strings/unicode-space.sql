insert into t values (1, U& 'a');
