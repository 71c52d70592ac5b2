select 1\; select 2\; select 3;
insert into t values (1, 'a');
