\copy t from 'rows.csv' csv
insert into t values (5, 'after');
