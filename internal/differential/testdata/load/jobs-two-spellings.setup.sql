create table t(id int primary key, p text); create view v as select * from t;
