insert into t values (1, 'a') -- comment ; insert into t values (2, 'b');
