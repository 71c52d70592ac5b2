\copy t from 'nothing.tsv'
insert into t values (1, 'a');
