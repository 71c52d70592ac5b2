\copy t from 'rows.tsv'
insert into t values (2, 'b');
