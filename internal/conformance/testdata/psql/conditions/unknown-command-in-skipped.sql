\if false
\nothing at all
\i nothing.sql
\copy t from 'nothing'
\q
\endif
insert into t values (1, 'a');
