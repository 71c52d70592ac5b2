\copy t from pstdin
insert into t values (2, 'b');
