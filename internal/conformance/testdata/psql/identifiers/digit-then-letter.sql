select 1a;
insert into t values (1, 'x');
