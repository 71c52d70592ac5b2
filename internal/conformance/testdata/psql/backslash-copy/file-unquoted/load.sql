\copy t from rows.tsv
\copy t from rows.tsv with (format text)
insert into t values (2, 'b');
