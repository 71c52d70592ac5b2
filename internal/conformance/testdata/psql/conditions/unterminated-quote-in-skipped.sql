\if false
\set v 'abc
\endif
insert into t values (1, 'a');
