select 1 \crosstabview
insert into t values (1, 'a');
