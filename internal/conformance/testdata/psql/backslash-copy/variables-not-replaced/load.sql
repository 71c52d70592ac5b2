\set f rows.tsv
\copy t from :f
\copy t from :'f'
insert into t values (2, 'b');
