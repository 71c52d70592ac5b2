insert into t values (1, 'a');
truncate t;
insert into t values (2, 'a');
