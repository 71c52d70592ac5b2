insert into t values (1, $1) \bind a \g
