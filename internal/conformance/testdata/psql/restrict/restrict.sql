\restrict abc
insert into t values (1, 'a');
\unrestrict abc
\echo done
