select 1 as a, 2 as b, 3 as c \crosstabview a b c
insert into t values (1, 'a');
