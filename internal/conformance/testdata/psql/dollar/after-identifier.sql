select a$$b from t;
insert into t values (1, 'x');
