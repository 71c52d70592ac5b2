insert into t values (1, 'a'); /* x */
insert into t values (2, 'b'); -- y
