\if true
\i inner.sql
insert into t values (2, 'b');
\endif
insert into t values (3, 'b');
