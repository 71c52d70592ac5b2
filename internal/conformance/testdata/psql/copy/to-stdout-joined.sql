copy t to stdout\; insert into t values (2, 'b');
