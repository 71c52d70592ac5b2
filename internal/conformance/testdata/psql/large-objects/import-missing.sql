\lo_import nothing.txt
\lo_import
insert into t values (1, 'a');
