insert into t values (1, $a1$x$a1$);
