\copy (select 1) from stdin
insert into t values (3, 'b');
