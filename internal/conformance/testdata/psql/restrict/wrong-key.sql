\restrict abc
\unrestrict xyz
insert into t values (1, 'a');
\unrestrict abc
