insert into t values (1, 'a');
copy t to stdout;
copy (select 1) to stdout with csv;
insert into t values (2, 'b');
