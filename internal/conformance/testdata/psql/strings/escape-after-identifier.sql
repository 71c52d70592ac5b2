select 1 as e'x';
insert into t values (1, 'after');
