\copy t from 'it''s.tsv'
