\copy t from 'rows.tsv'
insert into t values (1, 'a');
