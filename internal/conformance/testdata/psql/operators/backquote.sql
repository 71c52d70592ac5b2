create operator ` (leftarg = int, rightarg = int, function = int4pl);
insert into t values (1 ` 2, 'a');
