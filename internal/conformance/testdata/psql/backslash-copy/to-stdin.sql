\copy t to stdin
insert into t values (3, 'b');
