\cd sub
\copy t from 'rows.tsv'
