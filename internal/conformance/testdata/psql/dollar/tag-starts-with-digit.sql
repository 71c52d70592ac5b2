select $1$x$1$;
insert into t values (1, 'x');
