\copy t from 'rows.tsv'
