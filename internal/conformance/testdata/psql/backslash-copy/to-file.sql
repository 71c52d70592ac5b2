\copy t to '/dev/null'
insert into t values (3, 'b');
