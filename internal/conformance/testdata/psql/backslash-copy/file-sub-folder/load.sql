\i sub/x.sql
\copy t from sub/rows.tsv
