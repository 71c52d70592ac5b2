insert into t values ((array[1,2])[1], 'a');
