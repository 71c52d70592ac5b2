\copy t from 'sub/rows.tsv'
