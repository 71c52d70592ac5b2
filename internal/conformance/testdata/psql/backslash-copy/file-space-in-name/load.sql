\copy t from 'my rows.tsv'
--- my rows.tsv
1	a
