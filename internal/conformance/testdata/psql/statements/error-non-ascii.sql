select 'żółć', nothing from t;
insert into t values (2, 'b');
