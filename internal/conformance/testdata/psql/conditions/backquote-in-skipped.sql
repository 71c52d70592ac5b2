\if false
\set v `echo pwned`
\! echo pwned
\endif
insert into t values (1, 'a');
