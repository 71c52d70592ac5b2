select 1 \g /dev/null
insert into t values (2, 'b');
