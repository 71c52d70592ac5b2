\restrict abc
\if true
insert into t values (1, 'a');
\endif
\unrestrict abc
