\set v 5
\restrict abc
insert into t values (:v, 'a');
insert into t values (1, 'b') \g
\unrestrict abc
