create table x (y int); begin; insert into t values (1, 'a'); commit;
