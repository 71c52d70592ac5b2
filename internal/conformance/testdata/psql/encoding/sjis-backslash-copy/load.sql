\encoding SJIS
\copy t from 'rows.tsv'
insert into t values (3, '•\');
