select 1 as x, 'a' as y \gdesc
insert into t values (1, 'a') \gdesc
insert into t values (2, 'b');
