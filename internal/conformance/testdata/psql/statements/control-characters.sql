insert into t values (1, 'ab');
select ;
insert into t values (2, 'b');
