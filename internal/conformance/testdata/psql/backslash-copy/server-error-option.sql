\copy t from stdin with (nonsense)
insert into t values (2, 'b');
