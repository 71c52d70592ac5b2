select 1 as aÃ;
insert into t values (2, 'b');
