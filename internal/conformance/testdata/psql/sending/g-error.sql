select 1/0 \g
insert into t values (2, 'b');
